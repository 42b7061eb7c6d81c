/* SPDX-License-Identifier: Apache-2.0 */
/* Lines without a function, and code without lines. */
	.text
	.globl by_hand
	.type by_hand, @function
by_hand:
	nop
	nop
	ret
	.size by_hand, . - by_hand

	.section .text.silent, "ax"
	.globl silent
silent:
	ret

	.section .note.GNU-stack, "", @progbits
