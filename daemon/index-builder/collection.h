/* SPDX-License-Identifier: Apache-2.0 */
/* All that the builder learns of an object file, before it is put in order. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/index-builder/memory.h"

/* From this address on, until the next mark, this holds. 0: nothing. */
struct mark {
	uint64_t address;
	uint64_t value;
};

struct marks {
	struct mark *items;
	size_t n;
	size_t capacity;
};

static inline void marks_add(struct marks *marks, uint64_t address, uint64_t value)
{
	marks->items = grow(marks->items, &marks->capacity, marks->n, 1, sizeof(*marks->items));
	marks->items[marks->n++] = (struct mark){address, value};
}

/* The marks that came from one unit: a part of all marks, ascending. */
struct unit {
	size_t first_line;
	size_t n_lines;
	size_t first_scope;
	size_t n_scopes;
};

/* Code that a unit says is its own. */
struct span {
	uint64_t start;
	uint64_t end;
	uint32_t unit;
};

struct collection {
	struct strings strings;
	struct records files; /* uint32_t: where in strings */
	struct records places; /* see index_place() */
	struct records nodes; /* struct index_node */
	struct marks lines; /* values are places themselves */
	struct marks scopes; /* values are numbers of nodes */
	struct unit *units;
	size_t n_units;
	size_t units_capacity;
	struct span *spans;
	size_t n_spans;
	size_t spans_capacity;
	size_t unreadable; /* units whose line tables are damaged */
};

void collection_init(struct collection *collection);
void collection_deinit(struct collection *collection);

static inline void collection_add_span(struct collection *c, uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	c->spans = grow(c->spans, &c->spans_capacity, c->n_spans, 1, sizeof(*c->spans));
	c->spans[c->n_spans++] = (struct span){start, end, c->n_units};
}

/*
 * Puts the spans in order and makes them disjoint. Where units disagree on whose some code is, the
 * one that had the code before keeps it; else it is the first of them.
 */
void collection_settle_spans(struct collection *collection);
