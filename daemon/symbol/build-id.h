/* SPDX-License-Identifier: Apache-2.0 */
/* The number that a linker gave to a kernel or module: equal numbers mean equal code. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "daemon/symbol/index.h"

struct build_id {
	uint8_t bytes[INDEX_MAX_BUILD_ID];
	size_t length; /* 0: none */
};

#define BUILD_ID_TEXT (2 * INDEX_MAX_BUILD_ID + 1)

static inline bool build_id_equal(const struct build_id *a, const struct build_id *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

/*
 * Reads it from a file of ELF notes, as /sys/kernel/notes or /sys/module/NAME/notes/… are. -ENOENT:
 * no such file, or no such note in it; else the errno of reading it.
 */
int build_id_read(const char *path, struct build_id *ret);

/* The note with it among `size` bytes of notes; false: none. */
bool build_id_find(const void *notes, size_t size, struct build_id *ret);

/* Hexadecimal, as it is part of file names; `text` has BUILD_ID_TEXT bytes. */
void build_id_format(const struct build_id *id, char *text);
