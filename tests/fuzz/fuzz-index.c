/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index files of any content. Each input is read as it is, and once more with all checksums put
 * right, so that the checks behind them are reached. See fuzz-message.c on how it is built and run.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/checksum.h"
#include "daemon/symbol/index-format.h"
#include "daemon/symbol/index.h"

#define MAX_SIZE (1 << 20)
#define MAX_FRAMES 8
#define LOOKUPS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t seen; /* keeps the strings from being optimized away */

static void ask(struct index *index, uint64_t address)
{
	struct location_frame frames[MAX_FRAMES];
	size_t n = index_lookup(index, address, frames, MAX_FRAMES);

	if (n > MAX_FRAMES)
		abort();
	for (size_t i = 0; i < n; i++) {
		seen += frames[i].function ? strlen(frames[i].function) : 0;
		seen += frames[i].file ? strlen(frames[i].file) : 0;
	}
}

static void read_file(const char *path, uint64_t start)
{
	struct index *index;
	uint64_t base, size;

	if (index_open(path, NULL, 0, &index, NULL) != 0)
		return;
	for (uint64_t i = 0; i < LOOKUPS; i++)
		ask(index, start + i * i);
	ask(index, 0);
	ask(index, UINT64_MAX);
	if (index_section(index, ".text", &base, &size))
		ask(index, base);
	if (index_text_start(index, &base))
		ask(index, base);
	index_verify(index);
	index_close(index);
}

static bool fits(const struct index_header *header, enum index_table table, size_t size)
{
	const struct index_extent *t = &header->tables[table];

	return t->offset <= size && t->offset % 8 == 0 &&
			t->count <= (size - t->offset) / index_element_size(table);
}

/* Where the first region starts, if it can be told. */
static uint64_t put_right(uint8_t *data, size_t size)
{
	struct index_header *header = (void *)data;
	const struct index_extent *t = header->tables;
	uint64_t *checksums;

	if (size < sizeof(*header) || header->head_size < sizeof(*header) ||
			header->head_size > size || !fits(header, INDEX_CHECKSUMS, size) ||
			t[INDEX_CHECKSUMS].offset < sizeof(*header) ||
			!fits(header, INDEX_REGIONS, size) || !t[INDEX_REGIONS].count)
		return 0;
	memcpy(header->magic, INDEX_MAGIC, sizeof(header->magic));
	header->version = INDEX_VERSION;
	header->file_size = size;
	checksums = (void *)(data + t[INDEX_CHECKSUMS].offset);
	for (uint64_t i = 0; i < t[INDEX_CHECKSUMS].count; i++) {
		uint64_t at = header->head_size + i * INDEX_PIECE_SIZE;
		uint64_t left = at < size ? size - at : 0;

		checksums[i] = checksum(data + size - left,
				left < INDEX_PIECE_SIZE ? left : INDEX_PIECE_SIZE);
	}
	header->head_checksum = 0;
	header->head_checksum = checksum(header, sizeof(*header)) ^
			checksum(header + 1, header->head_size - sizeof(*header));
	return ((struct index_region *)(data + t[INDEX_REGIONS].offset))->start;
}

static void write_and_read(const uint8_t *data, size_t size, uint64_t start)
{
	static int file = -1;
	char path[64];

	if (file < 0)
		file = memfd_create("index", 0);
	if (file < 0 || ftruncate(file, size) < 0 || pwrite(file, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	read_file(path, start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *right;
	uint64_t start;

	if (size > MAX_SIZE || !(right = malloc(size + 8)))
		return 0;
	memcpy(right, data, size);
	write_and_read(data, size, 0);
	start = put_right(right, size);
	write_and_read(right, size, start);
	free(right);
	return 0;
}
