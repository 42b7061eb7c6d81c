/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of one loaded BPF program: its functions in memory and its source lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

struct btf;

#define BPF_PROGRAM_MAX_FUNCTIONS 4096u /* BPF_MAX_SUBPROGS is 256 */
#define BPF_PROGRAM_MAX_LINES (1u << 20) /* a program has at most a million instructions */

struct bpf_function {
	uint64_t start;
	uint64_t end;
	char *name; /* full name from BTF; NULL: no BTF */
};

struct bpf_line {
	uint64_t address;
	uint32_t file; /* in the program's strings; 0: not known */
	uint32_t text;
	uint32_t line;
	uint16_t column;
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
	char *strings;
	size_t bytes; /* of memory, estimated */
};

/*
 * Reads the program with the given id. Closes what it opened: a held descriptor would keep the
 * program alive. -ENOENT: gone, which is normal; other errno as the kernel gives them.
 */
int bpf_program_read(uint32_t id, bool with_lines, struct bpf_program **ret);

/* Reads the lines that bpf_program_read() left out; when the program is gone, never tries again. */
void bpf_program_read_lines(struct bpf_program *program);

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

/* The arrays that the kernel fills, as many elements as the info says. */
struct bpf_program_arrays {
	uint64_t *starts; /* nr_jited_ksyms */
	uint32_t *lengths; /* nr_jited_func_lens */
	void *functions; /* nr_func_info × func_info_rec_size */
	void *lines; /* nr_line_info × line_info_rec_size */
	uint64_t *line_addresses; /* nr_jited_line_info */
};

/*
 * Makes functions and lines of what the kernel filled in. Trusts nothing of it: counts, sizes and
 * offsets are checked. Functions that
 * are there already are kept. `btf` may be NULL; it is not kept. -ENOMEM.
 */
int bpf_program_decode(struct bpf_program *program, const struct bpf_prog_info *info,
		const struct bpf_program_arrays *arrays, const struct btf *btf);
