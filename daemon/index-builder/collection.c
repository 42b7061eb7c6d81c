/* SPDX-License-Identifier: Apache-2.0 */
/* Holds what was learned, and decides which unit tells of an address. */
#include "daemon/index-builder/collection.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/symbol/index-format.h"

void collection_init(struct collection *collection)
{
	const struct index_node no_node = {0};
	const uint64_t no_place = 0;
	const uint32_t no_file = 0;

	memset(collection, 0, sizeof(*collection));
	strings_init(&collection->strings, INDEX_PIECE_SIZE);
	records_init(&collection->files, sizeof(no_file));
	records_init(&collection->places, sizeof(no_place));
	records_init(&collection->nodes, sizeof(no_node));
	records_add(&collection->files, &no_file);
	records_add(&collection->places, &no_place);
	records_add(&collection->nodes, &no_node);
}

void collection_deinit(struct collection *collection)
{
	strings_deinit(&collection->strings);
	records_deinit(&collection->files);
	records_deinit(&collection->places);
	records_deinit(&collection->nodes);
	free(collection->lines.items);
	free(collection->scopes.items);
	free(collection->units);
	free(collection->spans);
}

struct border {
	uint64_t address;
	uint32_t unit;
	bool opens;
};

static int by_address(const void *a, const void *b)
{
	const struct border *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return (int)x->opens - (int)y->opens;
}

/* The units that claim the code at hand, each as often as it does; nearly always one. */
struct claims {
	uint32_t *units;
	size_t n;
	size_t capacity;
};

static bool claimed_by(const struct claims *claims, uint32_t unit)
{
	for (size_t i = 0; i < claims->n; i++)
		if (claims->units[i] == unit)
			return true;
	return false;
}

static uint32_t first_claimant(const struct claims *claims)
{
	uint32_t first = UINT32_MAX;

	for (size_t i = 0; i < claims->n; i++)
		if (claims->units[i] < first)
			first = claims->units[i];
	return first;
}

static void claims_change(struct claims *claims, const struct border *border)
{
	if (border->opens) {
		claims->units = grow(claims->units, &claims->capacity, claims->n, 1,
				sizeof(*claims->units));
		claims->units[claims->n++] = border->unit;
		return;
	}
	for (size_t i = 0; i < claims->n; i++) {
		if (claims->units[i] != border->unit)
			continue;
		claims->units[i] = claims->units[--claims->n];
		return;
	}
}

/* Every span gave two borders, and each pair of neighbours makes one span at most. */
static size_t sweep(const struct border *borders, size_t n_borders, struct span *spans)
{
	struct claims claims = {0};
	uint64_t previous = 0;
	size_t n = 0;

	for (size_t i = 0; i < n_borders; i++) {
		const struct border *b = &borders[i];

		if (claims.n && previous < b->address) {
			struct span *last = n ? &spans[n - 1] : NULL;

			if (last && last->end == previous && claimed_by(&claims, last->unit))
				last->end = b->address;
			else
				spans[n++] = (struct span){previous, b->address,
					first_claimant(&claims)};
		}
		claims_change(&claims, b);
		previous = b->address;
	}
	free(claims.units);
	return n;
}

void collection_settle_spans(struct collection *collection)
{
	size_t n = collection->n_spans, capacity = 0;
	struct border *borders = grow(NULL, &capacity, 0, 2 * n + 1, sizeof(*borders));

	for (size_t i = 0; i < n; i++) {
		const struct span *s = &collection->spans[i];

		borders[2 * i] = (struct border){s->start, s->unit, true};
		borders[2 * i + 1] = (struct border){s->end, s->unit, false};
	}
	qsort(borders, 2 * n, sizeof(*borders), by_address);
	collection->spans = grow(collection->spans, &collection->spans_capacity, n, n,
			sizeof(*collection->spans));
	collection->n_spans = sweep(borders, 2 * n, collection->spans);
	free(borders);
}
