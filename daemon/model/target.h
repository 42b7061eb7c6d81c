/* SPDX-License-Identifier: Apache-2.0 */
/* A function that can be traced, fully resolved. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum target_kind {
	TARGET_PROGRAM, /* the entry function or a subprogram of a BPF program */
	TARGET_FUNCTION, /* a function of the kernel or of a module */
};

enum trace_mode {
	TRACE_EXIT,
	TRACE_ENTRY,
};

/* How the raw return register of a target is to be read. */
enum return_kind {
	RETURN_NONE, /* void, or not known */
	RETURN_SIGNED,
	RETURN_UNSIGNED,
	RETURN_POINTER,
};

#define TARGET_NAME_MAX 128 /* KSYM_NAME_LEN before 6.1; BTF names of functions are no longer */
#define TARGET_TAG_LENGTH 16 /* BPF_TAG_SIZE as hexadecimal digits */

struct target {
	enum target_kind kind;
	enum trace_mode mode;
	uint32_t program_id; /* TARGET_PROGRAM */
	uint32_t btf_id; /* of the function in the BTF of the program, vmlinux or module */
	char program[TARGET_NAME_MAX]; /* full name of the program's entry function */
	char function[TARGET_NAME_MAX]; /* full BTF name of the traced function */
	char module[64]; /* TARGET_FUNCTION: the module, "" for vmlinux */
	char tag[TARGET_TAG_LENGTH + 1]; /* TARGET_PROGRAM */
	uint64_t start; /* the function's code, [start, end); 0, 0 when hidden by the kernel */
	uint64_t end;
	enum return_kind return_kind;
	uint8_t return_bytes; /* width of the return value: 1, 2, 4 or 8 */
};
