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
/* No column is shrunk below this. */
#define NARROWEST 10u

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

/* Takes from the widest column that can give, until the line fits. False: none can. */
static bool shrink_columns(const struct table *table, unsigned int width, unsigned int *widths)
{
	unsigned int all = 0;

	for (size_t c = 0; c < table->n_columns; c++)
		all += widths[c] + (c ? GAP : 0);
	while (all > width) {
		size_t widest = MAX_COLUMNS;

		for (size_t c = 0; c < table->n_columns; c++) {
			if (table->columns[c].shrink == SHRINK_NEVER || widths[c] <= NARROWEST)
				continue;
			if (widest == MAX_COLUMNS || widths[c] > widths[widest])
				widest = c;
		}
		if (widest == MAX_COLUMNS)
			return false;
		widths[widest]--;
		all--;
	}
	return true;
}

/* False: lines become wider than `width`. */
static bool measure(const struct table *table, unsigned int width, unsigned int *widths)
{
	for (size_t c = 0; c < table->n_columns; c++)
		widths[c] = width_of(table->columns[c].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		unsigned int *w = &widths[i % table->n_columns];

		*w = MAX(*w, width_of(table->cells[i]));
	}
	return !width || shrink_columns(table, width, widths);
}

/* Rows under construction. */
struct sheet {
	const struct terminal *terminal;
	const unsigned int *widths;
	unsigned int indent;
	unsigned int limit; /* columns of a line, besides one for an ellipsis; 0: all fit */
	unsigned int used; /* of the line so far */
	unsigned int owed; /* blanks that only what follows makes necessary */
	bool full; /* the line was cut */
	FILE *f;
};

/* Numbers are not shortened: where not even they have room the line is cut. */
static void put(struct sheet *sheet, const char *text, size_t length, unsigned int width)
{
	unsigned int blanks = sheet->owed;

	if (sheet->full)
		return;
	sheet->full = sheet->limit && sheet->used + blanks + width > sheet->limit;
	if (sheet->full) {
		blanks = MIN(blanks, sheet->limit - sheet->used);
		length = text_head(text, length, sheet->limit - sheet->used - blanks, &width);
	}
	fprintf(sheet->f, "%*s%.*s%s", (int)blanks, "", (int)length, text,
		sheet->full ? sheet->terminal->glyphs.ellipsis : "");
	sheet->used += blanks + width;
	sheet->owed = 0;
}

/* As much of `text` as belongs on this line; returns the rest. */
static const char *put_cell(struct sheet *sheet, const struct column *column, const char *text,
			    unsigned int width)
{
	unsigned int w = width_of(text);
	size_t length = strlen(text), n = length;

	if (!length) {
		sheet->owed += width + GAP;
		return text;
	}
	if (column->right)
		sheet->owed += width - MIN(w, width);
	if (w > width && column->shrink == SHRINK_START) {
		const char *ellipsis = sheet->terminal->glyphs.ellipsis;

		n = text_tail(text, length, width - 1, &w);
		put(sheet, ellipsis, strlen(ellipsis), 1);
		put(sheet, text + length - n, n, w);
		sheet->owed = width - (w + 1) + GAP;
		return text + length;
	}
	if (w > width && column->shrink == SHRINK_WRAP)
		n = text_line(text, length, width);
	w = text_width(text, n);
	put(sheet, text, n, w);
	sheet->owed = (column->right ? 0 : width - MIN(w, width)) + GAP;
	text += n;
	return text + strspn(text, " ");
}

static void put_row(const struct table *table, struct sheet *sheet, const char *const *cells)
{
	const char *rests[MAX_COLUMNS];
	bool more = true;

	memcpy(rests, cells, table->n_columns * sizeof(*cells));
	while (more) {
		more = false;
		sheet->owed = sheet->indent;
		sheet->used = 0;
		sheet->full = false;
		for (size_t c = 0; c < table->n_columns; c++) {
			rests[c] = put_cell(sheet, &table->columns[c], rests[c],
					    sheet->widths[c]);
			more = more || (*rests[c] && !sheet->full);
		}
		fputc('\n', sheet->f);
	}
}

static void put_titles(const struct table *table, struct sheet *sheet)
{
	const char *titles[MAX_COLUMNS];

	for (size_t c = 0; c < table->n_columns; c++)
		titles[c] = table->columns[c].title;
	fputs(sheet->terminal->styles[STYLE_BOLD], sheet->f);
	put_row(table, sheet, titles);
	fputs(sheet->terminal->styles[STYLE_NONE], sheet->f);
}

int table_render(const struct table *table, const struct terminal *terminal, unsigned int indent,
		 struct output *out)
{
	unsigned int widths[MAX_COLUMNS];
	struct sheet sheet = { .terminal = terminal, .widths = widths, .indent = indent };
	_cleanup_free_ char *text = NULL;
	size_t length = 0;

	if (table->incomplete)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_cells; i++) {
		char *cell = table->cells[i];

		cell[text_sanitize(cell, cell, strlen(cell), terminal->utf8)] = '\0';
	}
	if (!measure(table, terminal->width ? terminal->width - indent : 0, widths))
		sheet.limit = terminal->width - 1;
	sheet.f = open_memstream(&text, &length);
	if (!sheet.f)
		return -ENOMEM;
	put_titles(table, &sheet);
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
		put_row(table, &sheet, (const char *const *)table->cells + i);
	if (fclose(sheet.f))
		return -ENOMEM;
	output_append(out, text, length);
	return 0;
}
