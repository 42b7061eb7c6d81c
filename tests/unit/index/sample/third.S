/* SPDX-License-Identifier: Apache-2.0 */
/* Lines without a function. */
	.text
	.globl by_hand
	.type by_hand, @function
by_hand:
	nop
	nop
	ret
	.size by_hand, . - by_hand

	.section .note.GNU-stack, "", @progbits
