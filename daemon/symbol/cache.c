/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chained hash table. The rule that must not break: nothing is freed but in the sweep, since
 * rows and paths hold pointers until the next symbols_refresh().
 */
#include "daemon/symbol/cache.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_BITS 10

int cache_init(struct cache *cache, enum cache_bound bound, size_t max)
{
	*cache = (struct cache){ .bits = FIRST_BITS, .bound = bound, .max = max };
	cache->buckets = calloc((size_t)1 << cache->bits, sizeof(*cache->buckets));
	return cache->buckets ? 0 : -ENOMEM;
}

static void drop(struct cache *cache, struct cache_entry **link)
{
	struct cache_entry *entry = *link;

	*link = entry->next;
	entry->life->users--;
	cache->n--;
	cache->bytes -= entry->size;
	free(entry);
}

void cache_deinit(struct cache *cache)
{
	if (!cache->buckets)
		return;
	for (size_t i = 0; i < (size_t)1 << cache->bits; i++)
		while (cache->buckets[i])
			drop(cache, &cache->buckets[i]);
	free(cache->buckets);
	*cache = (struct cache){};
}

static void link_up(struct cache *cache, struct cache_entry *entry)
{
	struct cache_entry **bucket = &cache->buckets[entry->hash >> (64 - cache->bits)];

	entry->next = *bucket;
	*bucket = entry;
}

/* Failing to grow only costs speed. */
static void grow(struct cache *cache)
{
	struct cache_entry **old = cache->buckets, **buckets;
	size_t n = (size_t)1 << cache->bits;

	buckets = calloc(2 * n, sizeof(*buckets));
	if (!buckets)
		return;
	cache->buckets = buckets;
	cache->bits++;
	for (size_t i = 0; i < n; i++) {
		while (old[i]) {
			struct cache_entry *entry = old[i];

			old[i] = entry->next;
			link_up(cache, entry);
		}
	}
	free(old);
}

void cache_add(struct cache *cache, struct cache_entry *entry, struct life *life)
{
	if (cache->n >= (size_t)1 << cache->bits)
		grow(cache);
	entry->life = life;
	entry->used = true;
	life->users++;
	link_up(cache, entry);
	cache->n++;
	cache->bytes += entry->size;
}

/* One turn of a clock hand: what was not used since the last turn goes, or, if forced, all. */
static void evict(struct cache *cache, bool forced)
{
	size_t n_buckets = (size_t)1 << cache->bits;

	for (size_t i = 0; i < n_buckets && cache_is_full(cache); i++) {
		struct cache_entry **link = &cache->buckets[cache->hand++ & (n_buckets - 1)];

		while (*link) {
			if (forced || !(*link)->used) {
				drop(cache, link);
				continue;
			}
			(*link)->used = false;
			link = &(*link)->next;
		}
	}
}

void cache_sweep(struct cache *cache)
{
	size_t max = cache->max;

	for (size_t i = 0; i < (size_t)1 << cache->bits; i++) {
		struct cache_entry **link = &cache->buckets[i];

		while (*link) {
			if (life_is_retired((*link)->life))
				drop(cache, link);
			else
				link = &(*link)->next;
		}
	}
	if (!cache_is_full(cache))
		return;
	/* A quarter of room, so that the next sweep is not the next refresh. */
	cache->max -= max / 4;
	evict(cache, false);
	evict(cache, false);
	evict(cache, true);
	cache->max = max;
}
