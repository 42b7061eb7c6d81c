/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of one code address. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What kind of code an address lies in, as far as trimming and folding must know. */
enum location_kind {
	LOCATION_UNKNOWN, /* no symbol covers the address */
	LOCATION_KERNEL, /* vmlinux or a module */
	LOCATION_BPF_PROGRAM, /* a BPF program or subprogram */
	LOCATION_BPF_TRACER, /* one of this daemon's own tracers */
	LOCATION_TRAMPOLINE, /* a BPF trampoline or dispatcher image */
	LOCATION_RETURN_THUNK, /* __x86_return_thunk, its_return_thunk, srso_return_thunk … */
	LOCATION_INDIRECT_THUNK, /* __x86_indirect_thunk_*, its indirect variants … */
	LOCATION_INTERRUPT, /* an interrupt or exception entry, or its return path */
	LOCATION_TRACING, /* kernel code that runs only to enter or leave a tracer */
};

/* One inlined function that an address stands in, and where in it. */
struct location_frame {
	const char *function;
	const char *file;
	uint32_t line;
	uint32_t column;
};

/*
 * Immutable once made. All strings are owned by the symbol room and live as long as the location;
 * NULL (or 0 for numbers) means not known.
 */
struct location {
	uint64_t address;
	enum location_kind kind;
	const char *symbol;
	uint64_t offset; /* from the start of symbol */
	const char *module; /* kernel module, "bpf" for BPF code, NULL for vmlinux */
	uint32_t program_id; /* of the BPF program the address belongs to; 0: none or not known */
	/* In the symbol's own function: where another one is inlined, the place of its call. */
	const char *file;
	uint32_t line;
	uint32_t column;
	const char *source; /* the text of the line */
	/* Inlined functions, innermost first: each is called by the next, the last by symbol. */
	const struct location_frame *frames;
	size_t n_frames;
	/* What the render callback of the symbols made of this location, once; see symbols.h. */
	const char *text;
	size_t text_length;
};
