/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the units' marks to one list without repetitions, and finds each cell's part of it. */
#include "daemon/index-builder/cells.h"

#include <stdlib.h>
#include <string.h>

struct list {
	struct mark *items;
	size_t n;
	size_t capacity;
};

/* The last word on an address counts; what was said before is not repeated. */
static void say(struct list *list, uint64_t address, uint32_t value)
{
	if (list->n && list->items[list->n - 1].address == address)
		list->n--;
	if (list->n && list->items[list->n - 1].value == value)
		return;
	list->items = grow(list->items, &list->capacity, list->n, 1, sizeof(*list->items));
	list->items[list->n++] = (struct mark){address, value};
}

/* The first mark behind the address. */
static size_t find_behind(const struct marks *marks, uint64_t address)
{
	size_t low = 0, high = marks->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (marks->items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Nothing is said of `region_end`: it lies in no cell, or in one of the next region. */
static void take_over(struct list *list, struct collection *c, const struct marks *marks,
		uint64_t start, uint64_t end, uint64_t region_end, cells_value_fn value)
{
	size_t at = find_behind(marks, start);

	say(list, start, at ? value(c, marks->items[at - 1].value) : 0);
	for (; at < marks->n && marks->items[at].address < end; at++)
		say(list, marks->items[at].address, value(c, marks->items[at].value));
	if (end < region_end)
		say(list, end, 0);
}

static struct list join(struct collection *c, const struct index_region *regions,
		size_t n_regions, cells_marks_fn marks_of, cells_value_fn value)
{
	struct list list = {0};
	size_t s = 0;

	for (size_t i = 0; i < n_regions; i++) {
		uint64_t start = regions[i].start, end = start + regions[i].size;

		say(&list, start, 0);
		while (s < c->n_spans && c->spans[s].end <= start)
			s++;
		for (; s < c->n_spans && c->spans[s].start < end; s++) {
			const struct span *span = &c->spans[s];
			struct marks marks = marks_of(c, span->unit);

			take_over(&list, c, &marks, span->start > start ? span->start : start,
					span->end < end ? span->end : end, end, value);
			if (span->end > end)
				break;
		}
	}
	return list;
}

static void *allocate(size_t n, size_t width)
{
	size_t capacity = 0;

	return grow(NULL, &capacity, 0, n + 1, width);
}

static void cut(struct cells *cells, const struct list *list, const struct index_region *region)
{
	uint64_t n = index_cells_of(region->size);
	size_t at = region->first_cell ? cells->first_marks[region->first_cell] : 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t end = region->start + ((i + 1) << INDEX_CELL_BITS);

		cells->first_marks[region->first_cell + i] = at;
		for (; at < list->n && list->items[at].address < end &&
				list->items[at].address < region->start + region->size; at++)
			cells->lows[at] = list->items[at].address - region->start;
	}
	cells->first_marks[region->first_cell + n] = at;
}

void cells_init(struct cells *cells, struct collection *collection,
		const struct index_region *regions, size_t n_regions, cells_marks_fn marks,
		cells_value_fn value)
{
	struct list list = join(collection, regions, n_regions, marks, value);

	memset(cells, 0, sizeof(*cells));
	if (list.n >= UINT32_MAX)
		fail(EXIT_FAILED, "the input is too large");
	for (size_t i = 0; i < n_regions; i++)
		cells->n_cells += index_cells_of(regions[i].size);
	cells->n_marks = list.n;
	cells->first_marks = allocate(cells->n_cells, sizeof(*cells->first_marks));
	cells->lows = allocate(list.n, sizeof(*cells->lows));
	cells->values = allocate(list.n, sizeof(*cells->values));
	for (size_t i = 0; i < n_regions; i++)
		cut(cells, &list, &regions[i]);
	for (size_t i = 0; i < list.n; i++) {
		if (list.items[i].value > INDEX_MAX_VALUE)
			fail(EXIT_FAILED, "the input is too large");
		cells->values[i] = index_value(list.items[i].value);
	}
	free(list.items);
}

void cells_deinit(struct cells *cells)
{
	free(cells->first_marks);
	free(cells->lows);
	free(cells->values);
}
