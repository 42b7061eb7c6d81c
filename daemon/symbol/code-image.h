/* SPDX-License-Identifier: Apache-2.0 */
/* The machine code of one function, as it was at one moment. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/symbol/bpf-program.h"

struct code;

/* More is no function: the largest of a kernel has 200 KB, of a program less than its image. */
#define CODE_IMAGE_MAX (16u << 20)

enum code_error {
	CODE_E_UNKNOWN = 1, /* no function of the kernel, of a module or of a program is there */
	CODE_E_NO_FUNCTION, /* no function has that name */
	CODE_E_HIDDEN, /* of a program: kptr_restrict, or no CAP_SYSLOG */
	CODE_E_ADDRESSES_HIDDEN, /* of the kernel: nobody knows what stands where */
	CODE_E_GONE, /* of a program that was unloaded before its code was read */
	CODE_E_NO_SIZE, /* where it ends is not known */
	CODE_E_PRIVILEGE, /* of the kernel: CAP_SYS_RAWIO is missing */
	CODE_E_LOCKDOWN, /* of the kernel: it is locked down */
	CODE_E_NO_KCORE, /* of the kernel: it has no /proc/kcore, or none that can be read */
	CODE_E_UNMAPPED, /* the kernel shows nothing there (any more) */
	CODE_E_AMBIGUOUS, /* several functions have that name */
	CODE_E_NOT_COMPILED, /* a BPF program that is interpreted */
};

/* Immutable once made; keeps what it names alive. */
struct code_image {
	unsigned int refs;
	uint64_t start;
	size_t size;
	enum location_kind kind;
	struct bpf_program *program; /* NULL: not of a program */
	size_t function; /* of the program */
	struct bpf_code *captured; /* holds `bytes` of a program */
	const unsigned char *bytes;
	unsigned char own[];
};

/*
 * The whole function that covered `address` at `timestamp` (CLOCK_MONOTONIC, ns). Of a BPF program
 * the code is what was captured when it was loaded, or else first asked for, and outlives it by the
 * grace time; of the kernel, of a module or a trampoline it is read anew from the running kernel,
 * so that alternatives, static calls and ftrace sites are as they are. A caller that keeps it, can
 * tell by another call whether the code has changed. Blocks for a read of /proc/kcore at most.
 * 0; positive: enum code_error; -ENOMEM.
 */
int code_image_find(struct code *code, uint64_t address, uint64_t timestamp,
		struct code_image **ret);

/* Of one function of a program whose code was captured. 0; CODE_E_GONE, CODE_E_HIDDEN; -ENOMEM. */
int code_image_of_program(struct bpf_program *program, size_t function, struct code_image **ret);

struct code_image *code_image_ref(struct code_image *image);
struct code_image *code_image_unref(struct code_image *image);

/* One sentence each: why there is no code, and what to do next. */
const char *code_error_message(enum code_error error);
const char *code_error_hint(enum code_error error);
