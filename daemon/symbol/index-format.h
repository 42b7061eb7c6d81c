/* SPDX-License-Identifier: Apache-2.0 */
/* How an index of lines lies in its file: what lbrd-index writes and index.c reads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/index.h"

/*
 * A file is a head (header, regions, checksums) and the pieces behind it. Numbers have the byte
 * order of the machine: a foreign one shows in the version.
 *
 * Code is divided into cells of 256 bytes, numbered through all regions. What holds from an
 * address on is a mark: its low byte stands in *_LOWS, its value in *_VALUES, at the same place,
 * in the order of addresses. *_CELLS tells each cell's first mark, and has one entry more than
 * there are cells. An address without a mark in its own cell has the last one before.
 *
 * Entry 0 of PLACES, NODES and FILES and the string at 0 stand for "not known".
 */
#define INDEX_MAGIC "lbrdindx"
#define INDEX_VERSION 2u

#define INDEX_CELL_BITS 8
#define INDEX_PIECE_SIZE 16384u /* what is read and checked at once; no string crosses its end */

enum index_table {
	INDEX_REGIONS, /* struct index_region, ascending and disjoint; in the head */
	INDEX_CHECKSUMS, /* uint64_t for each piece; in the head */
	INDEX_LINE_CELLS, /* uint32_t */
	INDEX_LINE_LOWS, /* uint8_t */
	INDEX_LINE_VALUES, /* struct index_value: which of PLACES */
	INDEX_SCOPE_CELLS,
	INDEX_SCOPE_LOWS,
	INDEX_SCOPE_VALUES, /* struct index_value: which of NODES */
	INDEX_PLACES, /* uint64_t, see index_place() */
	INDEX_NODES, /* struct index_node */
	INDEX_FILES, /* uint32_t: where in STRINGS */
	INDEX_STRINGS, /* bytes; the last one is 0 */
	INDEX_TABLES,
};

struct index_extent {
	uint64_t offset; /* in the file, a multiple of 8 */
	uint64_t count; /* of elements */
};

enum index_flag {
	INDEX_RELOCATABLE = 1 << 0, /* of a module: regions have names to be found by */
	INDEX_TEXT_START = 1 << 1,
};

struct index_header {
	char magic[8];
	uint32_t version;
	uint32_t flags;
	uint64_t file_size;
	uint64_t head_size; /* where the first piece starts */
	uint64_t head_checksum; /* of all the head, this field taken as 0 */
	uint64_t text_start;
	uint32_t cells;
	uint32_t build_id_length;
	uint8_t build_id[INDEX_MAX_BUILD_ID];
	struct index_extent tables[INDEX_TABLES];
};

/* One section with code. */
struct index_region {
	uint64_t start;
	uint64_t size;
	uint32_t first_cell;
	uint32_t name; /* where in STRINGS */
};

/* A function, or an inlined one in its parent. */
struct index_node {
	uint32_t parent; /* less than its own number; 0: this is the function itself */
	uint32_t name; /* where in STRINGS */
	uint32_t place; /* of the call, in the parent */
};

/* A number of 24 bits, the lowest first: a kernel needs 20, and has two million of them. */
struct index_value {
	uint8_t bytes[3];
};

#define INDEX_MAX_VALUE ((1u << 24) - 1)

static inline struct index_value index_value(uint32_t number)
{
	return (struct index_value){{number, number >> 8, number >> 16}};
}

static inline uint32_t index_value_number(struct index_value value)
{
	return value.bytes[0] | value.bytes[1] << 8 | value.bytes[2] << 16;
}

static inline size_t index_element_size(enum index_table table)
{
	switch (table) {
	case INDEX_REGIONS:
		return sizeof(struct index_region);
	case INDEX_NODES:
		return sizeof(struct index_node);
	case INDEX_LINE_VALUES:
	case INDEX_SCOPE_VALUES:
		return sizeof(struct index_value);
	case INDEX_CHECKSUMS:
	case INDEX_PLACES:
		return sizeof(uint64_t);
	case INDEX_LINE_LOWS:
	case INDEX_SCOPE_LOWS:
	case INDEX_STRINGS:
		return 1;
	default:
		return sizeof(uint32_t);
	}
}

static inline uint64_t index_cells_of(uint64_t size)
{
	return (size >> INDEX_CELL_BITS) + !!(size & ((1u << INDEX_CELL_BITS) - 1));
}

/* A place is file (which of FILES), line and column in one number; 0: not known. */
#define INDEX_COLUMN_BITS 16
#define INDEX_LINE_BITS 26
#define INDEX_FILE_BITS 22

static inline uint64_t index_place(uint32_t file, uint32_t line, uint32_t column)
{
	return (uint64_t)file << (INDEX_LINE_BITS + INDEX_COLUMN_BITS) |
			(uint64_t)line << INDEX_COLUMN_BITS | column;
}

static inline uint32_t index_place_file(uint64_t place)
{
	return place >> (INDEX_LINE_BITS + INDEX_COLUMN_BITS);
}

static inline uint32_t index_place_line(uint64_t place)
{
	return place >> INDEX_COLUMN_BITS & ((1u << INDEX_LINE_BITS) - 1);
}

static inline uint32_t index_place_column(uint64_t place)
{
	return place & ((1u << INDEX_COLUMN_BITS) - 1);
}
