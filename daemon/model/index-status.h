/* SPDX-License-Identifier: Apache-2.0 */
/* How far the index of lines of one kernel or module has come. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum index_state {
	INDEX_ABSENT, /* neither an index nor debug information is there */
	INDEX_BUILDING,
	INDEX_READY,
	INDEX_FAILED,
};

struct index_status {
	char name[64]; /* "vmlinux" or the module */
	char build_id[2 * 64 + 1]; /* hexadecimal */
	enum index_state state;
	unsigned int percent; /* while building */
	uint64_t size; /* of the file, once it is ready */
	char message[256]; /* what it was built from, or why it is not there; "" when nothing is */
};

struct index_list {
	const struct index_status *const *items;
	size_t n;
};
