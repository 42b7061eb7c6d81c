/* SPDX-License-Identifier: Apache-2.0 */
/* The files that one unit's line table and calls refer to by number. */
#pragma once

#include <stdint.h>

#include <elfutils/libdw.h>

#include "daemon/index-builder/collection.h"

struct unit_files {
	struct collection *collection;
	const char *directory; /* where the compiler stood */
	Dwarf_Files *files;
	size_t n;
	size_t first; /* the lowest valid number */
	uint32_t *known; /* number in the collection + 1 */
	size_t capacity;
};

/* `die` is that of a unit. The same structure serves unit after unit. */
void unit_files_start(struct unit_files *files, struct collection *collection, Dwarf_Die *die,
		unsigned int version);
void unit_files_deinit(struct unit_files *files);

/* A place in one of the unit's files; 0 when there is no such file. */
uint64_t unit_files_place(struct unit_files *files, uint64_t file, uint64_t line, uint64_t column);
