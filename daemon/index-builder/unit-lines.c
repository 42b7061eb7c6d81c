/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes over a line table. Of several rows for one address the last one counts; the end of a
 * sequence comes before the rows of a next one that starts there (libdw sorts so).
 */
#include "daemon/index-builder/unit-lines.h"

/* The place of a row; 0 for the end of a sequence. */
static uint64_t place_of(struct unit_files *files, Dwarf_Line *row)
{
	int line, column;
	Dwarf_Files *list;
	size_t file;
	bool ends;

	if (dwarf_lineendsequence(row, &ends) != 0 || ends || dwarf_lineno(row, &line) != 0 ||
			dwarf_linecol(row, &column) != 0 || dwarf_line_file(row, &list, &file) != 0)
		return 0;
	return unit_files_place(files, file, line, column);
}

void unit_lines_add(struct unit_files *files, Dwarf_Die *die)
{
	struct marks *marks = &files->collection->lines;
	uint64_t place, last = 0;
	Dwarf_Lines *lines;
	Dwarf_Addr address, next;
	size_t n;

	if (dwarf_getsrclines(die, &lines, &n) != 0 || n == 0)
		return;
	dwarf_lineaddr(dwarf_onesrcline(lines, 0), &next);
	for (size_t i = 0; i < n; i++) {
		address = next;
		if (i + 1 < n) {
			dwarf_lineaddr(dwarf_onesrcline(lines, i + 1), &next);
			if (next == address)
				continue;
		}
		place = place_of(files, dwarf_onesrcline(lines, i));
		if (place == last)
			continue;
		marks_add(marks, address, place);
		last = place;
	}
}
