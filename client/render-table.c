/* SPDX-License-Identifier: Apache-2.0 */
/* A table knows all its cells before it writes the first: only then a column's width is known. */
#include "client/render-table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"
#include "common/macro.h"

#define MAX_COLUMNS 16
#define GAP 2
/* No column is shrunk below this, nor below its title. */
#define NARROWEST 8u

struct table {
	const struct column *columns;
	size_t n_columns;
	char **cells;
	size_t n_cells, capacity;
	bool incomplete; /* out of memory */
};

int table_new(const struct column *columns, struct table **ret)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->columns = columns;
	while (columns[table->n_columns].title && table->n_columns < MAX_COLUMNS)
		table->n_columns++;
	*ret = table;
	return 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

static bool make_room(struct table *table)
{
	size_t capacity = MAX(2 * table->capacity, (size_t)64);
	char **cells;

	if (table->n_cells < table->capacity)
		return true;
	cells = reallocarray(table->cells, capacity, sizeof(*cells));
	if (!cells)
		return false;
	table->cells = cells;
	table->capacity = capacity;
	return true;
}

void table_cell(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (n < 0 || !make_room(table)) {
		if (n >= 0)
			free(text);
		table->incomplete = true;
		return;
	}
	if (!n) {
		free(text);
		text = strdup("-");
		if (!text) {
			table->incomplete = true;
			return;
		}
	}
	table->cells[table->n_cells++] = text;
}

static unsigned int width_of(const char *text)
{
	return text_width(text, strlen(text));
}

/* Takes from the widest column that can give, until the line fits or none can. */
static void shrink_columns(const struct table *table, unsigned int width, unsigned int *widths)
{
	unsigned int all = 0;

	for (size_t c = 0; c < table->n_columns; c++)
		all += widths[c] + (c ? GAP : 0);
	while (all > width) {
		size_t widest = MAX_COLUMNS;

		for (size_t c = 0; c < table->n_columns; c++) {
			if (table->columns[c].shrink == SHRINK_NEVER ||
			    widths[c] <= MAX(NARROWEST, width_of(table->columns[c].title)))
				continue;
			if (widest == MAX_COLUMNS || widths[c] > widths[widest])
				widest = c;
		}
		if (widest == MAX_COLUMNS)
			return;
		widths[widest]--;
		all--;
	}
}

static void measure(const struct table *table, unsigned int width, unsigned int *widths)
{
	for (size_t c = 0; c < table->n_columns; c++)
		widths[c] = width_of(table->columns[c].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		unsigned int *w = &widths[i % table->n_columns];

		*w = MAX(*w, width_of(table->cells[i]));
	}
	if (width)
		shrink_columns(table, width, widths);
}

/* A line under construction. */
struct line {
	FILE *f;
	unsigned int owed; /* blanks that only what follows makes necessary */
};

static void put_cell(struct line *line, const struct terminal *terminal,
		     const struct column *column, const char *text, unsigned int width)
{
	unsigned int w = width_of(text), shown = w;
	size_t length = strlen(text), n = length;
	bool cut = w > width;

	if (cut && column->shrink == SHRINK_START)
		n = text_tail(text, length, width - 1, &shown);
	else if (cut)
		n = text_head(text, length, width - 1, &shown);
	shown += cut;
	if (column->right)
		line->owed += width - shown;
	fprintf(line->f, "%*s", (int)line->owed, "");
	if (cut && column->shrink == SHRINK_START)
		fprintf(line->f, "%s%s", terminal->glyphs.ellipsis, text + length - n);
	else
		fprintf(line->f, "%.*s%s", (int)n, text, cut ? terminal->glyphs.ellipsis : "");
	line->owed = (column->right ? 0 : width - shown) + GAP;
}

/* One row, or with `cells` NULL the titles; cut off where the terminal ends. */
static int put_line(const struct table *table, const struct terminal *terminal,
		    unsigned int indent, const unsigned int *widths, char **cells,
		    struct output *out)
{
	struct line line = { .owed = indent };
	size_t length = 0, n;
	char *text = NULL;
	unsigned int w;

	line.f = open_memstream(&text, &length);
	if (!line.f)
		return -ENOMEM;
	for (size_t c = 0; c < table->n_columns; c++)
		put_cell(&line, terminal, &table->columns[c],
			 cells ? cells[c] : table->columns[c].title, widths[c]);
	if (fclose(line.f)) {
		free(text);
		return -ENOMEM;
	}
	n = terminal->width ? text_head(text, length, terminal->width, &w) : length;
	while (n && text[n - 1] == ' ')
		n--;
	output_string(out, terminal->styles[cells ? STYLE_NONE : STYLE_BOLD]);
	output_append(out, text, n);
	output_string(out, terminal->styles[STYLE_NONE]);
	output_append(out, "\n", 1);
	free(text);
	return 0;
}

int table_render(const struct table *table, const struct terminal *terminal, unsigned int indent,
		 struct output *out)
{
	unsigned int widths[MAX_COLUMNS];
	int r;

	if (table->incomplete)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_cells; i++) {
		char *cell = table->cells[i];

		cell[text_sanitize(cell, cell, strlen(cell), terminal->utf8)] = '\0';
	}
	measure(table, terminal->width ? terminal->width - indent : 0, widths);
	r = put_line(table, terminal, indent, widths, NULL, out);
	for (size_t i = 0; r == 0 && i + table->n_columns <= table->n_cells; i += table->n_columns)
		r = put_line(table, terminal, indent, widths, table->cells + i, out);
	return r;
}
