/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads unit after unit, each of them once. Their own lists of ranges are used, and those of their
 * functions where there are none: .debug_aranges is not needed, and many files have none.
 */
#include "daemon/index-builder/units.h"

#include <string.h>

#include <dwarf.h>
#include <gelf.h>

#include "daemon/index-builder/unit-files.h"
#include "daemon/index-builder/unit-lines.h"
#include "daemon/index-builder/unit-scopes.h"

static bool add_spans(struct collection *collection, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t next = 0;
	size_t before = collection->n_spans;

	while ((next = dwarf_ranges(die, next, &base, &start, &end)) > 0)
		collection_add_span(collection, start, end);
	return collection->n_spans > before;
}

static void read_unit(struct scope_walk *walk, Dwarf_Die *die, Dwarf_Die *split,
		unsigned int version)
{
	struct collection *c = walk->collection;
	struct unit *unit;

	c->units = grow(c->units, &c->units_capacity, c->n_units, 1, sizeof(*c->units));
	unit = &c->units[c->n_units];
	unit->first_line = c->lines.n;
	unit->first_scope = c->scopes.n;
	unit_files_start(walk->files, c, die, version);
	scope_walk_unit(walk, split ? split : die, !add_spans(c, die));
	unit_lines_add(walk->files, die);
	unit->n_lines = c->lines.n - unit->first_line;
	unit->n_scopes = c->scopes.n - unit->first_scope;
	c->n_units++;
}

/* Where the unit's description starts, in percent of all descriptions. */
static unsigned int part_done(Dwarf *dwarf, Dwarf_Die *die, size_t total)
{
	return total ? (uint64_t)dwarf_dieoffset(die) * 100 / total : 0;
}

static size_t measure(Dwarf *dwarf)
{
	Elf *elf = dwarf_getelf(dwarf);
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return 0;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name;

		if (gelf_getshdr(section, &header) &&
				(name = elf_strptr(elf, names, header.sh_name)) &&
				strcmp(name, ".debug_info") == 0)
			return header.sh_size;
	}
	return 0;
}

void units_read(Dwarf *dwarf, struct collection *collection, units_progress_fn progress)
{
	Dwarf_Die die, split;
	unsigned int done = 0;
	Dwarf_CU *unit = NULL;
	size_t total = measure(dwarf);
	struct unit_files files = {0};
	struct scope_walk walk;
	Dwarf_Half version;
	uint8_t type;
	int r;

	scope_walk_init(&walk, collection, &files);
	while ((r = dwarf_get_units(dwarf, unit, &unit, &version, &type, &die, &split)) == 0) {
		unsigned int now = part_done(dwarf, &die, total);
		int tag = dwarf_tag(&die);

		/* Others are only parts of units, or types. */
		if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit)
			continue;
		read_unit(&walk, &die, split.cu ? &split : NULL, version);
		if (now > done && progress)
			progress(now);
		done = now > done ? now : done;
	}
	if (r < 0)
		fail(EXIT_UNFIT, "the debug information cannot be read: %s", dwarf_errmsg(-1));
	scope_walk_deinit(&walk);
	unit_files_deinit(&files);
}
