/* SPDX-License-Identifier: Apache-2.0 */
/* Which function, and which functions inlined in it, an address of a unit belongs to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <elfutils/libdw.h>

#include "daemon/index-builder/collection.h"
#include "daemon/index-builder/unit-files.h"

struct scope {
	uint64_t start;
	uint64_t end;
	uint32_t node;
	uint32_t function; /* counts the outermost functions of the unit */
};

struct scope_list {
	struct scope *items;
	size_t n;
	size_t capacity;
};

struct names;

/* Serves unit after unit. */
struct scope_walk {
	struct collection *collection;
	struct unit_files *files;
	struct names *names;
	bool deep; /* functions may stand in types and namespaces */
	bool spans_wanted; /* the unit itself does not say where its code is */
	bool in_function;
	unsigned int depth;
	uint32_t functions;
	struct scope_list found; /* as they stand in the tree */
	struct scope_list function; /* flat ones of a function, ascending */
	struct scope_list unit; /* flat ones of the unit */
};

void scope_walk_init(struct scope_walk *walk, struct collection *collection,
		struct unit_files *files);
void scope_walk_deinit(struct scope_walk *walk);

/*
 * Adds the scopes of a unit to the collection; and its spans, when `spans_wanted`, of what its
 * functions say.
 */
void scope_walk_unit(struct scope_walk *walk, Dwarf_Die *die, bool spans_wanted);
