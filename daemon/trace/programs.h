/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs that are loaded now. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/target.h"

struct program_function {
	char name[TARGET_NAME_MAX];
	uint64_t start; /* 0 when hidden */
	uint32_t size;
	uint32_t btf_id; /* 0: no BTF */
	enum return_kind return_kind;
	uint8_t return_bytes;
};

struct program {
	uint32_t id;
	uint32_t type; /* BPF_PROG_TYPE_* */
	const char *type_name; /* "xdp", as bpftool prints it */
	char name[TARGET_NAME_MAX];
	char tag[TARGET_TAG_LENGTH + 1];
	uint64_t loaded_at; /* nanoseconds of CLOCK_BOOTTIME */
	uint32_t uid;
	uint32_t jited_size;
	uint32_t btf_object_id; /* 0: no BTF */
	bool addresses_hidden;
	struct program_function *functions; /* the entry function first */
	size_t n_functions;
};

/* 0; -ENOENT: no such program (any more); other errno as the kernel gives them. */
int program_read(uint32_t id, struct program *ret);
void program_deinit(struct program *program);
/* The next id behind `id` (start with 0): -ENOENT at the end. Skips nothing. */
int program_next(uint32_t id, uint32_t *ret);
/* Whether this process loaded the program (one of our tracers). */
bool program_is_ours(uint32_t id);
