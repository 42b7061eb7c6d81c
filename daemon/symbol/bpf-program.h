/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of one loaded BPF program: its functions, their source and code. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

struct btf;

#define BPF_PROGRAM_MAX_FUNCTIONS 4096u /* BPF_MAX_SUBPROGS is 256 */
#define BPF_PROGRAM_MAX_LINES (1u << 20) /* a program has at most a million instructions */
#define BPF_PROGRAM_MAX_INSNS (8u << 20) /* the verifier adds to that million */
#define BPF_PROGRAM_MAX_CODE (256u << 20)
#define BPF_PROGRAM_MAX_MAPS 4096u /* MAX_USED_MAPS is 64 */

/* What to read of a program beside its functions. */
enum bpf_program_part {
	BPF_PROGRAM_LINES = 1 << 0,
	BPF_PROGRAM_CODE = 1 << 1, /* machine code */
	BPF_PROGRAM_INSNS = 1 << 2, /* as the verifier left them, and the maps that they name */
};

/* The machine code of a program, as it was at one moment: its functions one behind the other. */
struct bpf_code {
	unsigned int refs;
	size_t size;
	unsigned char bytes[];
};

struct bpf_function {
	uint64_t start;
	uint64_t end;
	size_t code; /* where it begins in the program's code */
	uint32_t insn; /* where it begins in the program's instructions; from BTF */
	char *name; /* full name from BTF; NULL: no BTF */
};

struct bpf_line {
	uint64_t address;
	uint32_t file; /* in the program's strings; 0: not known */
	uint32_t text;
	uint32_t line;
	uint32_t insn; /* of the program's instructions */
	uint16_t column;
};

struct bpf_program_map {
	uint32_t id;
	char name[16]; /* as the kernel has it, cut at 15 characters; may be empty */
};

struct bpf_program {
	unsigned int refs;
	uint32_t id;
	uint64_t loaded_at; /* CLOCK_BOOTTIME, nanoseconds; before the verifier ran */
	bool hidden; /* the kernel did not tell the addresses: n_functions is 0 */
	size_t n_functions;
	struct bpf_function *functions; /* in the order of the program, the entry function first */

	enum { LINES_UNREAD, LINES_READ, LINES_GONE } lines_state;
	size_t n_lines;
	struct bpf_line *lines; /* by address */
	uint32_t *lines_by_insn; /* their indices; NULL unless the instructions were read */
	char *strings;

	enum { CODE_UNREAD, CODE_READ, CODE_GONE, CODE_HIDDEN } code_state;
	struct bpf_code *code; /* NULL unless CODE_READ */

	bool insns_asked; /* for, with or without success */
	bool insns_hidden; /* they were asked for, but the kernel keeps them: bpf_jit_harden */
	size_t n_insns;
	struct bpf_insn *insns;
	size_t n_maps;
	struct bpf_program_map *maps;
	size_t bytes; /* of memory, estimated */
};

/*
 * Reads the program with the given id; `parts` of enum bpf_program_part. Closes what it opened: a
 * held descriptor would keep the program alive. -ENOENT: gone, which is normal; other errno as the
 * kernel gives them.
 */
int bpf_program_read(uint32_t id, unsigned int parts, struct bpf_program **ret);

/*
 * Reads the lines and the code, as far as bpf_program_read() left them out; when the program is
 * gone, never tries again.
 */
void bpf_program_read_rest(struct bpf_program *program);

/*
 * Reads the code anew, since the kernel patches calls and jumps of a program while it is loaded.
 * Without success, what was read before stays.
 */
void bpf_program_read_code(struct bpf_program *program);

/* Reads the instructions and the maps they name; when they cannot be had, never tries again. */
void bpf_program_read_insns(struct bpf_program *program);

struct bpf_code *bpf_code_ref(struct bpf_code *code);
struct bpf_code *bpf_code_unref(struct bpf_code *code);

struct bpf_program *bpf_program_ref(struct bpf_program *program);
struct bpf_program *bpf_program_unref(struct bpf_program *program);

/* The next id behind `id` (start with 0): -ENOENT at the end. */
int bpf_program_next(uint32_t id, uint32_t *ret);

struct bpf_source {
	const char *file;
	const char *text; /* the source line itself */
	uint32_t line;
	uint32_t column;
};

/*
 * The source of the instruction at `address`, which lies in a function that starts at
 * `function_start`. Strings live as long as the program. False: not known.
 */
bool bpf_program_find_line(const struct bpf_program *program, uint64_t function_start,
		uint64_t address, struct bpf_source *ret);

/*
 * Where the line of that instruction begins: in the machine code, and in the program's
 * instructions. False: not known.
 */
bool bpf_program_find_line_start(const struct bpf_program *program, uint64_t function_start,
		uint64_t address, uint64_t *ret_address, size_t *ret_insn);

/* The source of insns[insn], likewise; read with BPF_PROGRAM_INSNS and BPF_PROGRAM_LINES. */
bool bpf_program_find_insn_line(const struct bpf_program *program, size_t insn,
		struct bpf_source *ret);

/* The arrays that the kernel fills, as many elements as the info says. */
struct bpf_program_arrays {
	uint64_t *starts; /* nr_jited_ksyms */
	uint32_t *lengths; /* nr_jited_func_lens */
	void *functions; /* nr_func_info × func_info_rec_size */
	void *lines; /* nr_line_info × line_info_rec_size */
	uint64_t *line_addresses; /* nr_jited_line_info */
	struct bpf_code *code; /* jited_prog_len; taken over by bpf_program_decode() */
	struct bpf_insn *insns; /* xlated_prog_len; taken over likewise */
	uint32_t *maps; /* nr_map_ids */
};

/*
 * Makes functions and lines of what the kernel filled in. Trusts nothing of it: counts, sizes and
 * offsets are checked. Functions and lines
 * that are there already are kept, code is replaced. `btf` may be NULL; it is not kept. -ENOMEM.
 */
int bpf_program_decode(struct bpf_program *program, const struct bpf_prog_info *info,
		struct bpf_program_arrays *arrays, const struct btf *btf);
