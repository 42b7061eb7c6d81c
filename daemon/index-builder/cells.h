/* SPDX-License-Identifier: Apache-2.0 */
/* The marks of all units, in the order of addresses and cut into cells. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/index-builder/collection.h"
#include "daemon/symbol/index-format.h"

struct cells {
	uint32_t *first_marks; /* n_cells + 1 */
	size_t n_cells;
	uint8_t *lows; /* n_marks */
	struct index_value *values;
	size_t n_marks;
};

/* Which value of an index a mark stands for. */
typedef uint32_t (*cells_value_fn)(struct collection *collection, uint64_t value);

/* The marks of a unit in the collection. */
typedef struct marks (*cells_marks_fn)(const struct collection *collection, uint32_t unit);

/*
 * `regions` say which addresses matter, and how many cells there are; the spans, which unit's marks
 * hold.
 */
void cells_init(struct cells *cells, struct collection *collection,
		const struct index_region *regions, size_t n_regions, cells_marks_fn marks,
		cells_value_fn value);
void cells_deinit(struct cells *cells);
