/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the file that daemon/symbol/index-format.h describes; nothing in it depends on the day. */
#include "daemon/index-builder/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/checksum.h"
#include "common/cleanup.h"
#include "daemon/index-builder/cells.h"

static uint32_t number_of_place(struct collection *collection, uint64_t place)
{
	return records_add(&collection->places, &place);
}

static uint32_t number_of_node(struct collection *collection, uint64_t node)
{
	return node;
}

static struct marks lines_of(const struct collection *collection, uint32_t unit)
{
	const struct unit *u = &collection->units[unit];

	return (struct marks){.items = collection->lines.items + u->first_line, .n = u->n_lines};
}

static struct marks scopes_of(const struct collection *collection, uint32_t unit)
{
	const struct unit *u = &collection->units[unit];

	return (struct marks){.items = collection->scopes.items + u->first_scope,
		.n = u->n_scopes};
}

/* One region per section; of sections that overlap, which no linker makes, the first one. */
static struct index_region *make_regions(const struct input *input, struct collection *collection,
		size_t *ret_n, uint32_t *ret_cells)
{
	uint64_t end = 0, cells = 0;
	struct index_region *regions;
	size_t n = 0, capacity = 0;

	regions = grow(NULL, &capacity, 0, input->n_sections, sizeof(*regions));
	for (size_t i = 0; i < input->n_sections; i++) {
		const struct input_section *s = &input->sections[i];

		if (s->start < end || s->size > UINT64_MAX - s->start)
			continue;
		regions[n++] = (struct index_region){
			.start = s->start,
			.size = s->size,
			.first_cell = cells,
			.name = strings_add(&collection->strings, s->name),
		};
		end = s->start + s->size;
		cells += index_cells_of(s->size);
		if (cells >= UINT32_MAX / 2)
			fail(EXIT_UNFIT, "the sections are too large to be true");
	}
	*ret_n = n;
	*ret_cells = cells;
	return regions;
}

/* What goes into each table, in the order of the file. */
struct table {
	const void *items;
	size_t n;
};

/* Decides where each table lies; returns the size of the file. */
static uint64_t place_tables(struct index_header *header, struct table *tables)
{
	uint64_t at = sizeof(*header), bulk = 0;

	for (int i = INDEX_LINE_CELLS; i < INDEX_TABLES; i++)
		bulk += (tables[i].n * index_element_size(i) + 7) & ~UINT64_C(7);
	tables[INDEX_CHECKSUMS].n = (bulk + INDEX_PIECE_SIZE - 1) / INDEX_PIECE_SIZE;
	/* First the strings: their pieces and those of the file must be the same. */
	for (int i = 0; i < INDEX_TABLES; i++) {
		static const enum index_table order[INDEX_TABLES] = {
			INDEX_REGIONS, INDEX_CHECKSUMS, INDEX_STRINGS, INDEX_LINE_CELLS,
			INDEX_LINE_LOWS, INDEX_LINE_VALUES, INDEX_SCOPE_CELLS, INDEX_SCOPE_LOWS,
			INDEX_SCOPE_VALUES, INDEX_PLACES, INDEX_NODES, INDEX_FILES,
		};
		enum index_table t = order[i];

		if (t == INDEX_STRINGS)
			header->head_size = at;
		header->tables[t] = (struct index_extent){at, tables[t].n};
		at += (tables[t].n * index_element_size(t) + 7) & ~UINT64_C(7);
	}
	return at;
}

static void set_checksums(uint8_t *bytes)
{
	struct index_header *header = (void *)bytes;
	const struct index_extent *t = &header->tables[INDEX_CHECKSUMS];
	uint64_t *checksums = (void *)(bytes + t->offset), sum;

	for (uint64_t i = 0; i < t->count; i++) {
		uint64_t start = header->head_size + i * INDEX_PIECE_SIZE;
		uint64_t size = header->file_size - start;

		checksums[i] = checksum(bytes + start,
				size < INDEX_PIECE_SIZE ? size : INDEX_PIECE_SIZE);
	}
	sum = checksum(header, sizeof(*header));
	sum ^= checksum(header + 1, header->head_size - sizeof(*header));
	header->head_checksum = sum;
}

static uint8_t *fill(struct index_header *header, struct table *tables)
{
	uint8_t *bytes;

	header->file_size = place_tables(header, tables);
	bytes = calloc(1, header->file_size);
	if (!bytes)
		fail(EXIT_FAILED, "out of memory");
	memcpy(bytes, header, sizeof(*header));
	for (int i = 0; i < INDEX_TABLES; i++)
		if (tables[i].items)
			memcpy(bytes + header->tables[i].offset, tables[i].items,
					tables[i].n * index_element_size(i));
	set_checksums(bytes);
	return bytes;
}

static struct index_header make_header(const struct input *input, uint32_t cells)
{
	struct index_header header = {
		.magic = INDEX_MAGIC,
		.version = INDEX_VERSION,
		.cells = cells,
		.build_id_length = input->build_id.length,
	};

	memcpy(header.build_id, input->build_id.bytes, input->build_id.length);
	if (input->relocatable)
		header.flags |= INDEX_RELOCATABLE;
	if (input->has_text_start) {
		header.flags |= INDEX_TEXT_START;
		header.text_start = input->text_start;
	}
	return header;
}

uint8_t *layout_index(const struct input *input, struct collection *collection, size_t *ret_size)
{
	struct table tables[INDEX_TABLES] = {0};
	struct cells lines, scopes;
	struct index_header header;
	uint32_t n_cells;
	uint8_t *bytes;

	tables[INDEX_REGIONS].items = make_regions(input, collection, &tables[INDEX_REGIONS].n,
			&n_cells);
	cells_init(&lines, collection, tables[INDEX_REGIONS].items, tables[INDEX_REGIONS].n,
			lines_of, number_of_place);
	cells_init(&scopes, collection, tables[INDEX_REGIONS].items, tables[INDEX_REGIONS].n,
			scopes_of, number_of_node);
	tables[INDEX_LINE_CELLS] = (struct table){lines.first_marks, lines.n_cells + 1};
	tables[INDEX_LINE_LOWS] = (struct table){lines.lows, lines.n_marks};
	tables[INDEX_LINE_VALUES] = (struct table){lines.values, lines.n_marks};
	tables[INDEX_SCOPE_CELLS] = (struct table){scopes.first_marks, scopes.n_cells + 1};
	tables[INDEX_SCOPE_LOWS] = (struct table){scopes.lows, scopes.n_marks};
	tables[INDEX_SCOPE_VALUES] = (struct table){scopes.values, scopes.n_marks};
	tables[INDEX_PLACES] = (struct table){collection->places.items, collection->places.n};
	tables[INDEX_NODES] = (struct table){collection->nodes.items, collection->nodes.n};
	tables[INDEX_FILES] = (struct table){collection->files.items, collection->files.n};
	tables[INDEX_STRINGS] = (struct table){collection->strings.bytes, collection->strings.n};

	header = make_header(input, n_cells);
	bytes = fill(&header, tables);
	*ret_size = header.file_size;
	free((void *)tables[INDEX_REGIONS].items);
	cells_deinit(&lines);
	cells_deinit(&scopes);
	return bytes;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= n;
	}
	return 0;
}

void layout_write_to(const uint8_t *bytes, size_t size, int fd)
{
	int r = write_all(fd, bytes, size);

	if (r < 0)
		fail(EXIT_FAILED, "cannot write the index: %s", strerror(-r));
}

/* Not synced to the disk: what a power cut leaves is recognized by its checksums. */
void layout_write(const uint8_t *bytes, size_t size, const char *path)
{
	_cleanup_free_ char *temporary = NULL;
	mode_t mask = umask(0);
	int fd, r;

	umask(mask);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		fail(EXIT_FAILED, "out of memory");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
	r = write_all(fd, bytes, size);
	if (r == 0 && fchmod(fd, 0644 & ~mask) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		fail(EXIT_FAILED, "%s: %s", path, strerror(-r));
	}
}
