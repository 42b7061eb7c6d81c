/* SPDX-License-Identifier: Apache-2.0 */
/* One piece of memory for each: the location, its frames, its text. */
#include "daemon/symbol/location-cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"

int location_cache_init(struct location_cache *cache, size_t max, location_render_fn render)
{
	cache->render = render;
	return cache_init(&cache->cache, CACHE_BOUND_NUMBER, max);
}

void location_cache_deinit(struct location_cache *cache)
{
	cache_deinit(&cache->cache);
}

static struct cached_location *make(struct location_cache *cache, const struct location *location)
{
	_cleanup_free_ char *large = NULL;
	char small[2048], *text = small;
	struct cached_location *cached;
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
	size = sizeof(*cached) + frames + length + 1;
	cached = malloc(size);
	if (!cached)
		return NULL;
	*cached = (struct cached_location){
		.entry = { .hash = cache_hash(location->address), .size = (uint32_t)size },
		.location = *location,
	};
	if (frames)
		cached->location.frames = memcpy(cached + 1, location->frames, frames);
	if (cache->render) {
		char *copy = memcpy((char *)(cached + 1) + frames, text, length);

		copy[length] = '\0';
		cached->location.text = copy;
		cached->location.text_length = length;
	}
	return cached;
}

const struct location *location_cache_add(struct location_cache *cache,
		const struct location *location, struct life *life)
{
	struct cached_location *cached = make(cache, location);

	if (!cached)
		return NULL;
	cache_add(&cache->cache, &cached->entry, life);
	return &cached->location;
}
