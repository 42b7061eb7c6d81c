/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes over a line table. Of several rows for one address the last one counts, and the end of a
 * sequence yields to the start of another.
 *
 * libdw sorts the rows of all sequences by address, and at one address puts the end of a sequence
 * first. So rows without any code, which compilers leave at the very end of a sequence, appear to
 * start a new one: it is one only if the unit has code there.
 */
#include "daemon/index-builder/unit-lines.h"

#include <dwarf.h>

static bool ends_sequence(Dwarf_Line *row)
{
	bool ends;

	return dwarf_lineendsequence(row, &ends) == 0 && ends;
}

/* The place of a row; 0 for the end of a sequence. */
static uint64_t place_of(struct unit_files *files, Dwarf_Line *row)
{
	int line, column;
	Dwarf_Files *list;
	size_t file;

	if (ends_sequence(row) || dwarf_lineno(row, &line) != 0 ||
			dwarf_linecol(row, &column) != 0 || dwarf_line_file(row, &list, &file) != 0)
		return 0;
	return unit_files_place(files, file, line, column);
}

static bool has_code_at(const struct collection *c, uint64_t address)
{
	for (size_t i = c->n_spans; i-- > 0 && c->spans[i].unit == c->n_units;)
		if (c->spans[i].start <= address && address < c->spans[i].end)
			return true;
	return false;
}

void unit_lines_add(struct unit_files *files, Dwarf_Die *die)
{
	struct collection *c = files->collection;
	uint64_t place, last = 0;
	Dwarf_Addr address, next;
	Dwarf_Lines *lines;
	bool ended = false;
	size_t n;

	if (dwarf_getsrclines(die, &lines, &n) != 0) {
		c->unreadable += dwarf_hasattr(die, DW_AT_stmt_list);
		return;
	}
	if (n == 0)
		return;
	dwarf_lineaddr(dwarf_onesrcline(lines, 0), &next);
	for (size_t i = 0; i < n; i++) {
		Dwarf_Line *row = dwarf_onesrcline(lines, i);

		address = next;
		ended = ended || ends_sequence(row);
		if (i + 1 < n) {
			dwarf_lineaddr(dwarf_onesrcline(lines, i + 1), &next);
			if (next == address)
				continue;
		}
		place = place_of(files, row);
		if (place && ended && !has_code_at(c, address))
			place = 0;
		ended = false;
		if (place == last)
			continue;
		marks_add(&c->lines, address, place);
		last = place;
	}
}
