/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned columns under titles, as wide as the terminal at most, no blanks at the ends of lines.
 * Where numbers alone are wider, lines are cut, which an ellipsis tells.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/output.h"
#include "client/terminal.h"
#include "common/cleanup.h"

enum shrink {
	SHRINK_NEVER,
	SHRINK_START, /* names and paths: their end tells them apart */
	SHRINK_WRAP, /* lists and sentences: they go on below */
};

struct column {
	const char *title;
	bool right; /* numbers */
	enum shrink shrink;
};

struct table;

/* `columns` ends with one without a title, and must outlive the table. */
int table_new(const struct column *columns, struct table **ret);
void table_free(struct table *table);
DEFINE_CLEANUP(struct table *, table_free)

/*
 * Fills the next cell, row by row; "" shows as "-". Running out of memory is told by
 * table_render().
 */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);

/* Writes the table, each line behind `indent` blanks. -ENOMEM. */
int table_render(const struct table *table, const struct terminal *terminal, unsigned int indent,
		 struct output *out);
