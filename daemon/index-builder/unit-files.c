/* SPDX-License-Identifier: Apache-2.0 */
/* From a unit's own numbers of files to those of the collection. */
#include "daemon/index-builder/unit-files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dwarf.h>

#include "common/cleanup.h"
#include "daemon/symbol/index-format.h"

void unit_files_start(struct unit_files *files, struct collection *collection, Dwarf_Die *die,
		unsigned int version)
{
	Dwarf_Attribute attribute;

	files->collection = collection;
	files->directory = dwarf_formstring(dwarf_attr(die, DW_AT_comp_dir, &attribute));
	if (!files->directory)
		files->directory = "";
	/* Number 0 is a file since DWARF 5 only. */
	files->first = version >= 5 ? 0 : 1;
	if (dwarf_getsrcfiles(die, &files->files, &files->n) != 0)
		files->n = 0;
	files->known = grow(files->known, &files->capacity, 0, files->n + 1,
			sizeof(*files->known));
	memset(files->known, 0, files->n * sizeof(*files->known));
}

void unit_files_deinit(struct unit_files *files)
{
	free(files->known);
}

/* The library puts a slash between directory and file even if the directory ends with one. */
static void drop_double_slash(char *path)
{
	char *name = strrchr(path, '/'), *end = name;

	while (end && end > path && end[-1] == '/')
		end--;
	if (end != name)
		memmove(end, name, strlen(name) + 1);
}

/*
 * The library leaves a path relative when its directory is. Where the compiler stood is put before
 * it, unless the path has that already: the directory may have been that very one.
 */
static uint32_t add_path(struct unit_files *files, const char *path)
{
	struct strings *strings = &files->collection->strings;
	size_t length = strlen(files->directory);
	_cleanup_free_ char *whole = NULL;

	while (length && files->directory[length - 1] == '/')
		length--;
	if (!path)
		return 0;
	if (path[0] == '/' || (strncmp(path, files->directory, length) == 0 && path[length] == '/'))
		length = 0;
	if (asprintf(&whole, "%.*s%s%s", (int)length, files->directory, length ? "/" : "",
			path) < 0)
		fail(EXIT_FAILED, "out of memory");
	drop_double_slash(whole);
	return strings_add(strings, whole);
}

static uint32_t find_file(struct unit_files *files, uint64_t number)
{
	struct collection *c = files->collection;
	uint32_t string;

	if (!files->known[number]) {
		string = add_path(files, dwarf_filesrc(files->files, number, NULL, NULL));
		files->known[number] = records_add(&c->files, &string) + 1;
	}
	return files->known[number] - 1;
}

uint64_t unit_files_place(struct unit_files *files, uint64_t file, uint64_t line, uint64_t column)
{
	uint32_t known;

	if (file < files->first || file >= files->n)
		return 0;
	known = find_file(files, file);
	if (known >= 1u << INDEX_FILE_BITS)
		return 0;
	/* What no source file has is not worth more bits. */
	if (line >= 1u << INDEX_LINE_BITS)
		line = 0;
	if (column >= 1u << INDEX_COLUMN_BITS)
		column = 0;
	return index_place(known, line, column);
}
