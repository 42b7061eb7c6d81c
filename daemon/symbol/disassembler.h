/* SPDX-License-Identifier: Apache-2.0 */
/* Machine code to instructions, one at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTRUCTION_MAX_LENGTH 15 /* of x86 */
#define INSTRUCTION_TEXT_MAX 208

enum instruction_syntax {
	SYNTAX_ATT,
	SYNTAX_INTEL,
	N_SYNTAXES,
};

/* Where execution goes on behind an instruction. */
enum instruction_kind {
	INSTRUCTION_OTHER, /* at the next one */
	INSTRUCTION_CONDITIONAL, /* at `target` or at the next one */
	INSTRUCTION_JUMP,
	INSTRUCTION_INDIRECT_JUMP,
	INSTRUCTION_CALL,
	INSTRUCTION_INDIRECT_CALL,
	INSTRUCTION_RETURN,
	INSTRUCTION_SYSTEM_CALL,
	INSTRUCTION_SYSTEM_RETURN, /* sysret, sysexit */
	INSTRUCTION_INTERRUPT, /* int3, int, ud2 and the like: into a handler */
	INSTRUCTION_INTERRUPT_RETURN, /* iret */
	INSTRUCTION_BAD, /* not an instruction, or cut off: "(bad)", of length 1 */
};

struct instruction {
	uint64_t address;
	uint64_t target; /* of a direct branch */
	/*
	 * An address that the instruction holds otherwise: relative to its own (`0x10(%rip)`), or
	 * as an immediate or a displacement of 64 bits or sign-extended to them. Only what lies in
	 * the kernel's half; 0: none.
	 */
	uint64_t reference;
	enum instruction_kind kind;
	uint8_t length; /* at least 1 */
	bool direct; /* `target` is known */
	char text[INSTRUCTION_TEXT_MAX]; /* "movq %rsp, %rbp" */
};

struct disassembler;

/*
 * -ENOMEM; -ENOTSUP: the library does not know this machine's instructions. Nothing else has to be
 * allocated, which matters: the library does not live through having no memory here.
 */
int disassembler_new(enum instruction_syntax syntax, struct disassembler **ret);
void disassembler_free(struct disassembler *disassembler);

/*
 * Decodes the first instruction of the `size` (> 0) bytes at `code`, which stand at `address` in
 * memory. Never fails: what cannot be decoded is INSTRUCTION_BAD. Reads no byte outside, and
 * allocates nothing.
 *
 * The text is spelled as LLVM does it, numbers in hexadecimal, a branch's target as an address.
 */
void disassembler_decode(struct disassembler *disassembler, const void *code, size_t size,
		uint64_t address, struct instruction *ret);
