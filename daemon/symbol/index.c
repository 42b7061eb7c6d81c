/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an index of lines where it lies.
 *
 * The file may come from anywhere: no number in it is used before it was compared with the size of
 * what it points into. The head is checked when the file is opened; each piece behind it against
 * its checksum when a lookup first needs it, since to read all of it would take longer than
 * hundreds of answers. Files are replaced by renaming, never changed: a file that is truncated
 * while it is mapped would end the process.
 */
#include "daemon/symbol/index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/checksum.h"
#include "common/cleanup.h"
#include "daemon/symbol/index-format.h"

struct index {
	const uint8_t *map;
	size_t size;
	const struct index_header *header;
	const void *tables[INDEX_TABLES];
	uint64_t counts[INDEX_TABLES];
	size_t n_regions;
	bool damaged;
	uint8_t checked[]; /* for each piece: known to be as it was written */
};

/* The tables that belong together have the same number of elements. */
static bool counts_agree(const struct index_header *header)
{
	const struct index_extent *t = header->tables;
	uint64_t bulk = header->file_size - header->head_size;

	return t[INDEX_LINE_LOWS].count == t[INDEX_LINE_VALUES].count &&
			t[INDEX_SCOPE_LOWS].count == t[INDEX_SCOPE_VALUES].count &&
			t[INDEX_LINE_CELLS].count == header->cells + UINT64_C(1) &&
			t[INDEX_SCOPE_CELLS].count == header->cells + UINT64_C(1) &&
			t[INDEX_CHECKSUMS].count ==
					bulk / INDEX_PIECE_SIZE + !!(bulk % INDEX_PIECE_SIZE) &&
			t[INDEX_PLACES].count > 0 && t[INDEX_NODES].count > 0 &&
			t[INDEX_FILES].count > 0 && t[INDEX_STRINGS].count > 0;
}

/* However damaged the strings are, the last one ends. */
static bool strings_end(const uint8_t *map)
{
	const struct index_extent *t =
			&((const struct index_header *)map)->tables[INDEX_STRINGS];

	return map[t->offset + t->count - 1] == '\0';
}

/* Head tables lie in the head and the others behind it. */
static bool extents_fit(const struct index_header *header)
{
	for (int i = 0; i < INDEX_TABLES; i++) {
		const struct index_extent *t = &header->tables[i];
		bool in_head = i == INDEX_REGIONS || i == INDEX_CHECKSUMS;
		uint64_t from = in_head ? sizeof(*header) : header->head_size;
		uint64_t to = in_head ? header->head_size : header->file_size;

		if (t->offset < from || t->offset > to || t->offset % 8 != 0 ||
				t->count > (to - t->offset) / index_element_size(i))
			return false;
	}
	return true;
}

static bool regions_fit(const struct index_region *regions, size_t n, uint32_t cells)
{
	uint64_t end = 0, cell = 0;

	for (size_t i = 0; i < n; i++) {
		const struct index_region *r = &regions[i];

		if (r->start < end || r->size == 0 || r->size > UINT64_MAX - r->start ||
				r->first_cell != cell)
			return false;
		end = r->start + r->size;
		cell += index_cells_of(r->size);
		if (cell > cells)
			return false;
	}
	return cell == cells;
}

static bool head_is_whole(const struct index_header *header)
{
	struct index_header copy = *header;
	uint64_t sum;

	copy.head_checksum = 0;
	sum = checksum(&copy, sizeof(copy));
	sum ^= checksum(header + 1, header->head_size - sizeof(*header));
	return sum == header->head_checksum;
}

static int check_head(const uint8_t *map, size_t size, const char **reterr_reason)
{
	const struct index_header *header = (const void *)map;

	if (size < sizeof(header->magic) || memcmp(map, INDEX_MAGIC, sizeof(header->magic)) != 0) {
		*reterr_reason = "the file is not an index of lines";
		return INDEX_E_FOREIGN;
	}
	if (size >= offsetof(struct index_header, flags) && header->version != INDEX_VERSION) {
		*reterr_reason = "the index has a format of another version or machine";
		return INDEX_E_VERSION;
	}
	if (size < sizeof(*header) || header->file_size != size ||
			header->head_size < sizeof(*header) || header->head_size > size ||
			header->head_size % 8 != 0) {
		*reterr_reason = "the index is truncated";
		return INDEX_E_CORRUPT;
	}
	if (!head_is_whole(header)) {
		*reterr_reason = "the index was changed after it was written: its checksum is wrong";
		return INDEX_E_CORRUPT;
	}
	if (!extents_fit(header) || !counts_agree(header) ||
			header->build_id_length > sizeof(header->build_id) ||
			!regions_fit((const void *)(map + header->tables[INDEX_REGIONS].offset),
					header->tables[INDEX_REGIONS].count, header->cells) ||
			!strings_end(map)) {
		*reterr_reason = "the index contradicts itself";
		return INDEX_E_CORRUPT;
	}
	return 0;
}

static int map_file(const char *path, const uint8_t **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	*ret = NULL;
	*ret_size = 0;
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return 0;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	*ret_size = st.st_size;
	return 0;
}

static int index_new(const uint8_t *map, size_t size, struct index **ret)
{
	const struct index_header *header = (const void *)map;
	struct index *index = calloc(1, sizeof(*index) + header->tables[INDEX_CHECKSUMS].count);

	if (!index)
		return -ENOMEM;
	index->map = map;
	index->size = size;
	index->header = header;
	index->n_regions = header->tables[INDEX_REGIONS].count;
	for (int i = 0; i < INDEX_TABLES; i++) {
		index->tables[i] = map + header->tables[i].offset;
		index->counts[i] = header->tables[i].count;
	}
	*ret = index;
	return 0;
}

int index_open(const char *path, const void *build_id, size_t build_id_length, struct index **ret,
		const char **reterr_reason)
{
	const struct index_header *header;
	const char *reason = "the index cannot be read";
	const uint8_t *map = NULL;
	size_t size = 0;
	int r;

	r = map_file(path, &map, &size);
	if (r == 0)
		r = check_head(map, size, &reason);
	header = (const void *)map;
	if (r == 0 && build_id && (header->build_id_length != build_id_length ||
			memcmp(header->build_id, build_id, build_id_length) != 0)) {
		reason = "the index was made from another build";
		r = INDEX_E_BUILD_ID;
	}
	if (r == 0)
		r = index_new(map, size, ret);
	if (r != 0 && map)
		munmap((void *)map, size);
	if (r != 0 && reterr_reason)
		*reterr_reason = reason;
	return r;
}

void index_close(struct index *index)
{
	if (!index)
		return;
	munmap((void *)index->map, index->size);
	free(index);
}

static bool check_piece(struct index *index, uint64_t piece)
{
	const uint64_t *checksums = index->tables[INDEX_CHECKSUMS];
	uint64_t start = index->header->head_size + piece * INDEX_PIECE_SIZE;
	uint64_t size = index->size - start;

	if (size > INDEX_PIECE_SIZE)
		size = INDEX_PIECE_SIZE;
	if (checksum(index->map + start, size) != checksums[piece]) {
		index->damaged = true;
		return false;
	}
	index->checked[piece] = 1;
	return true;
}

/* `n` elements of the table from the one numbered `first`; NULL: not there, or damaged. */
static inline const void *elements(struct index *index, enum index_table table, uint64_t first,
		uint64_t n)
{
	size_t width = index_element_size(table);
	uint64_t offset, last;

	if (first > index->counts[table] || n > index->counts[table] - first) {
		index->damaged = true;
		return NULL;
	}
	offset = (const uint8_t *)index->tables[table] - index->map + first * width -
			index->header->head_size;
	last = n ? (offset + n * width - 1) / INDEX_PIECE_SIZE : 0;
	for (uint64_t piece = offset / INDEX_PIECE_SIZE; n && piece <= last; piece++)
		if (!index->checked[piece] && !check_piece(index, piece))
			return NULL;
	return (const uint8_t *)index->tables[table] + first * width;
}

/* No string crosses the end of a piece, so that of its start is the only one to be checked. */
static const char *string_at(struct index *index, uint32_t offset)
{
	return offset ? elements(index, INDEX_STRINGS, offset, 1) : NULL;
}

static bool find_cell(const struct index *index, uint64_t address, uint32_t *ret_cell,
		uint8_t *ret_low)
{
	const struct index_region *regions = index->tables[INDEX_REGIONS];
	size_t low = 0, high = index->n_regions;
	uint64_t offset;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (regions[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	offset = address - regions[low - 1].start;
	if (offset >= regions[low - 1].size)
		return false;
	*ret_cell = regions[low - 1].first_cell + (offset >> INDEX_CELL_BITS);
	*ret_low = offset;
	return true;
}

/* The value of the last mark at or before the address; 0: there is none, or it is damaged. */
static uint32_t find_mark(struct index *index, enum index_table cells, uint32_t cell, uint8_t low)
{
	const uint32_t *first = elements(index, cells, cell, 2);
	const struct index_value *value;
	const uint8_t *lows;
	uint32_t at, end;

	if (!first)
		return 0;
	at = first[0];
	end = first[1];
	if (at < end) {
		uint32_t begin = at;

		lows = elements(index, cells + 1, begin, end - begin);
		while (lows && at < end) {
			uint32_t middle = at + (end - at) / 2;

			if (lows[middle - begin] <= low)
				at = middle + 1;
			else
				end = middle;
		}
	} else if (at > end) {
		index->damaged = true;
	}
	if (at == 0 || index->damaged)
		return 0;
	value = elements(index, cells + 2, at - 1, 1);
	return value ? index_value_number(*value) : 0;
}

static void set_place(struct index *index, uint32_t number, struct location_frame *frame)
{
	const uint64_t *place = elements(index, INDEX_PLACES, number, 1);
	const uint32_t *file;

	frame->file = NULL;
	frame->line = 0;
	frame->column = 0;
	if (!place || *place == 0)
		return;
	file = elements(index, INDEX_FILES, index_place_file(*place), 1);
	if (!file)
		return;
	frame->file = string_at(index, *file);
	frame->line = index_place_line(*place);
	frame->column = index_place_column(*place);
}

/* From the innermost function outwards; `frames` has room for one at least. */
static size_t follow_nodes(struct index *index, uint32_t number, uint32_t place,
		struct location_frame *frames, size_t max)
{
	size_t n = 0;

	for (;;) {
		const struct index_node *node = elements(index, INDEX_NODES, number, 1);
		struct location_frame *frame = &frames[n < max ? n : max - 1];

		if (!node || (node->parent && node->parent >= number)) {
			index->damaged = true;
			return 0;
		}
		frame->function = string_at(index, node->name);
		set_place(index, place, frame);
		n++;
		if (!node->parent)
			return n < max ? n : max;
		number = node->parent;
		place = node->place;
	}
}

size_t index_lookup(struct index *index, uint64_t address, struct location_frame *frames,
		size_t max)
{
	bool was_damaged = index->damaged;
	uint32_t cell, place, node;
	size_t n = 0;
	uint8_t low;

	if (max == 0 || !find_cell(index, address, &cell, &low))
		return 0;
	index->damaged = false;
	place = find_mark(index, INDEX_LINE_CELLS, cell, low);
	node = find_mark(index, INDEX_SCOPE_CELLS, cell, low);
	if (node || place)
		n = follow_nodes(index, node, place, frames, max);
	if (index->damaged)
		n = 0;
	index->damaged |= was_damaged;
	return n;
}

bool index_damaged(const struct index *index)
{
	return index->damaged;
}

int index_verify(struct index *index)
{
	for (uint64_t i = 0; i < index->counts[INDEX_CHECKSUMS]; i++)
		if (!check_piece(index, i))
			return INDEX_E_CORRUPT;
	return index->damaged ? INDEX_E_CORRUPT : 0;
}

bool index_text_start(const struct index *index, uint64_t *ret)
{
	if (!(index->header->flags & INDEX_TEXT_START))
		return false;
	*ret = index->header->text_start;
	return true;
}

bool index_section(struct index *index, const char *name, uint64_t *ret_base, uint64_t *ret_size)
{
	const struct index_region *regions = index->tables[INDEX_REGIONS];

	if (!(index->header->flags & INDEX_RELOCATABLE))
		return false;
	for (size_t i = 0; i < index->n_regions; i++) {
		const char *candidate = string_at(index, regions[i].name);

		if (candidate && strcmp(candidate, name) == 0) {
			*ret_base = regions[i].start;
			*ret_size = regions[i].size;
			return true;
		}
	}
	return false;
}

const void *index_build_id(const struct index *index, size_t *ret_length)
{
	*ret_length = index->header->build_id_length;
	return index->header->build_id;
}

size_t index_size(const struct index *index)
{
	return index->size;
}
