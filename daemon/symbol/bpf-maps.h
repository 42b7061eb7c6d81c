/* SPDX-License-Identifier: Apache-2.0 */
/* Which map an instruction of a program's machine code loads the address of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/bpf-program.h"
#include "daemon/symbol/disassembler.h"

/* The map that a 64-bit load of BPF names, by id; NULL: it is none, or not known. */
const struct bpf_program_map *bpf_insn_map(const struct bpf_program *program,
		const struct bpf_insn *insn);

/* Walks the BPF instructions of one function beside its machine code. */
struct bpf_map_cursor {
	const struct bpf_program *program;
	size_t insn; /* the next BPF instruction to look at */
	size_t end;
	bool lost; /* the two do not go together: nothing is said from there on */
};

struct bpf_machine_code {
	uint64_t start;
	size_t size;
	const unsigned char *bytes;
};

/* Borrows the program, which was read with BPF_PROGRAM_INSNS. */
void bpf_map_cursor_init(struct bpf_map_cursor *cursor, const struct bpf_program *program,
		size_t function);

/*
 * Moves to the instruction at `address` of a function whose machine code is [start, start + size):
 * from the beginning of its source line, or without line information from that of the function.
 * Where that is too far, nothing is said from there on.
 */
void bpf_map_cursor_seek(struct bpf_map_cursor *cursor, struct disassembler *disassembler,
		const struct bpf_machine_code *code, uint64_t address);

/*
 * To be given every instruction of the function, in order, with its bytes: the map whose address
 * (or, `ret_offset` bytes behind it, that of its value) it loads; NULL: none, or in doubt.
 */
const struct bpf_program_map *bpf_map_cursor_next(struct bpf_map_cursor *cursor,
		const struct instruction *instruction, const unsigned char *bytes,
		uint32_t *ret_offset);
