/* SPDX-License-Identifier: Apache-2.0 */
/* Code of which nothing is said, in a section of its own that does not follow the last at once. */
	.section .text.silent, "ax"
	.balign 64
	.globl silent
silent:
	.rept 100
	nop
	.endr
	ret

	.section .note.GNU-stack, "", @progbits
