/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel made of files: it lets lbrd load, attach and open whatever it wants, has one BPF program
 * to trace, and one kernel function; what it tells of that program is up to the test.
 *
 * Linked into an executable, kernel.c stands in the place of libbpf's system calls. kernel-files.c
 * does so of open() and syscall() (linked with kernel_link_args of meson.build), which only needs
 * who runs the whole of lbrd.
 */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>

#define KERNEL_PROGRAM_ID 7
#define KERNEL_PROGRAM_PATH "/sys/fs/bpf/filter"

/* The arrays of bpf_prog_info. */
enum kernel_array {
	KERNEL_STARTS, /* jited_ksyms */
	KERNEL_LENGTHS, /* jited_func_lens */
	KERNEL_FUNCTIONS, /* func_info */
	KERNEL_LINES, /* line_info */
	KERNEL_LINE_ADDRESSES, /* jited_line_info */
	KERNEL_CODE, /* jited_prog_insns */
	KERNEL_INSNS, /* xlated_prog_insns */
	KERNEL_MAPS, /* map_ids */
	N_KERNEL_ARRAYS,
};

struct kernel_bytes {
	const void *data;
	size_t size;
};

struct kernel_program {
	/* What is answered to the first question, and to all others: a program may change. */
	struct bpf_prog_info first;
	struct bpf_prog_info later;
	/* Copied as far as there is room; the array of a bit in `hidden` is kept to itself. */
	struct kernel_bytes arrays[N_KERNEL_ARRAYS];
	unsigned int hidden;
	struct kernel_bytes btf; /* of the program, and of the kernel */
};

/* Loads the program, in the place of the one before. NULL: none is. Borrowed. */
void kernel_load(const struct kernel_program *program);

/* Writes a record into the ring buffer that was made last, as a tracer does. Full: drops it. */
void kernel_record(const void *data, size_t length);
