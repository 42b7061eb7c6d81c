/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chained hash table. The rule that must not break: nothing is freed but in the sweep, since
 * rows hold pointers to locations until the next symbols_refresh().
 */
#include "daemon/symbol/location-cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"

#define FIRST_BITS 10

int location_cache_init(struct location_cache *cache, size_t max, location_render_fn render)
{
	*cache = (struct location_cache){ .bits = FIRST_BITS, .max = max, .render = render };
	cache->buckets = calloc((size_t)1 << cache->bits, sizeof(*cache->buckets));
	return cache->buckets ? 0 : -ENOMEM;
}

static void drop(struct location_cache *cache, struct cached_location **link)
{
	struct cached_location *entry = *link;

	*link = entry->next;
	entry->life->users--;
	cache->n--;
	cache->bytes -= entry->size;
	free(entry);
}

void location_cache_deinit(struct location_cache *cache)
{
	if (!cache->buckets)
		return;
	for (size_t i = 0; i < (size_t)1 << cache->bits; i++)
		while (cache->buckets[i])
			drop(cache, &cache->buckets[i]);
	free(cache->buckets);
	cache->buckets = NULL;
}

/* Failing to grow only costs speed. */
static void grow(struct location_cache *cache)
{
	struct cached_location **old = cache->buckets, **buckets;
	size_t n = (size_t)1 << cache->bits;

	buckets = calloc(2 * n, sizeof(*buckets));
	if (!buckets)
		return;
	cache->buckets = buckets;
	cache->bits++;
	for (size_t i = 0; i < n; i++) {
		while (old[i]) {
			struct cached_location *entry = old[i];
			size_t bucket = location_cache_bucket(cache, entry->location.address);

			old[i] = entry->next;
			entry->next = buckets[bucket];
			buckets[bucket] = entry;
		}
	}
	free(old);
}

static struct cached_location *make(struct location_cache *cache, const struct location *location)
{
	_cleanup_free_ char *large = NULL;
	char small[2048], *text = small;
	struct cached_location *entry;
	size_t length = 0, frames, size;

	if (cache->render) {
		length = cache->render(location, small, sizeof(small));
		if (length > sizeof(small)) {
			size_t room = length;

			text = large = malloc(room);
			if (!large)
				return NULL;
			length = MIN(cache->render(location, large, room), room);
		}
	}
	frames = location->n_frames * sizeof(*location->frames);
	size = sizeof(*entry) + frames + length + 1;
	entry = malloc(size);
	if (!entry)
		return NULL;
	*entry = (struct cached_location){ .location = *location, .size = size, .used = true };
	if (frames)
		entry->location.frames = memcpy(entry + 1, location->frames, frames);
	if (cache->render) {
		char *copy = memcpy((char *)(entry + 1) + frames, text, length);

		copy[length] = '\0';
		entry->location.text = copy;
		entry->location.text_length = length;
	}
	return entry;
}

const struct location *location_cache_add(struct location_cache *cache,
		const struct location *location, struct life *life)
{
	struct cached_location *entry = make(cache, location);
	size_t bucket;

	if (!entry)
		return NULL;
	if (cache->n >= (size_t)1 << cache->bits)
		grow(cache);
	entry->life = life;
	life->users++;
	bucket = location_cache_bucket(cache, location->address);
	entry->next = cache->buckets[bucket];
	cache->buckets[bucket] = entry;
	cache->n++;
	cache->bytes += entry->size;
	return &entry->location;
}

/* One turn of a clock hand: what was not used since the last turn goes, or, if forced, all. */
static void evict(struct location_cache *cache, size_t goal, bool forced)
{
	size_t n_buckets = (size_t)1 << cache->bits;

	for (size_t i = 0; i < n_buckets && cache->n > goal; i++) {
		struct cached_location **link = &cache->buckets[cache->hand++ & (n_buckets - 1)];

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

void location_cache_sweep(struct location_cache *cache)
{
	for (size_t i = 0; i < (size_t)1 << cache->bits; i++) {
		struct cached_location **link = &cache->buckets[i];

		while (*link) {
			if (life_is_retired((*link)->life))
				drop(cache, link);
			else
				link = &(*link)->next;
		}
	}
	if (cache->n > cache->max) {
		/* A quarter of room, so that the next sweep is not the next refresh. */
		size_t goal = cache->max - cache->max / 4;

		evict(cache, goal, false);
		evict(cache, goal, false);
		evict(cache, goal, true);
	}
}
