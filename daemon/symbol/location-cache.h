/* SPDX-License-Identifier: Apache-2.0 */
/* Locations that were made once, found again by address and moment. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/symbol/life.h"
#include "daemon/symbol/symbols.h"

/* What a look-up reads lies together. */
struct cached_location {
	struct cached_location *next; /* in its bucket */
	struct life *life;
	uint32_t size;
	bool used; /* since the last sweep */
	struct location location;
};

struct location_cache {
	struct cached_location **buckets;
	unsigned int bits; /* of the number of buckets */
	size_t n;
	size_t max;
	size_t bytes;
	size_t hand; /* the bucket at which the next eviction begins */
	location_render_fn render;
};

int location_cache_init(struct location_cache *cache, size_t max, location_render_fn render);
void location_cache_deinit(struct location_cache *cache);

static inline size_t location_cache_bucket(const struct location_cache *cache, uint64_t address)
{
	return address * 0x9e3779b97f4a7c15ull >> (64 - cache->bits);
}

/* What `address` was at `timestamp`, or NULL. Inline: this is what every row costs. */
static inline const struct location *location_cache_find(struct location_cache *cache,
		uint64_t address, uint64_t timestamp)
{
	struct cached_location *entry = cache->buckets[location_cache_bucket(cache, address)];

	for (; entry; entry = entry->next) {
		if (entry->location.address == address && life_holds(entry->life, timestamp)) {
			entry->used = true;
			return &entry->location;
		}
	}
	return NULL;
}

/*
 * Copies `location`, renders its text and keeps it for as long as `life` holds. The bound is not
 * enforced here but by the sweep: what was handed out stays valid until then. NULL: no memory.
 */
const struct location *location_cache_add(struct location_cache *cache,
		const struct location *location, struct life *life);

/* Drops locations of retired lives and, above the bound, those that were not used lately. */
void location_cache_sweep(struct location_cache *cache);
