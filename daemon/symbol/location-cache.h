/* SPDX-License-Identifier: Apache-2.0 */
/* Locations that were made once, found again by address and moment. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/macro.h"
#include "daemon/model/location.h"
#include "daemon/symbol/cache.h"
#include "daemon/symbol/symbols.h"

struct cached_location {
	struct cache_entry entry;
	struct location location;
};

struct location_cache {
	struct cache cache;
	location_render_fn render;
};

/* At most `max` locations. -ENOMEM. */
int location_cache_init(struct location_cache *cache, size_t max, location_render_fn render);
void location_cache_deinit(struct location_cache *cache);

/* What `address` was at `timestamp`, or NULL. Inline: this is what every row costs. */
static inline const struct location *location_cache_find(struct location_cache *cache,
		uint64_t address, uint64_t timestamp)
{
	struct cache_entry *entry = cache_first(&cache->cache, cache_hash(address));

	for (; entry; entry = entry->next) {
		struct cached_location *cached = container_of(entry, struct cached_location, entry);

		if (cached->location.address == address && life_holds(entry->life, timestamp)) {
			entry->used = true;
			return &cached->location;
		}
	}
	return NULL;
}

/*
 * Copies `location`, renders its text and keeps it for as long as `life` holds. Valid until the
 * next cache_sweep(). NULL: no memory.
 */
const struct location *location_cache_add(struct location_cache *cache,
		const struct location *location, struct life *life);
