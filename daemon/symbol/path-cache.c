/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that must not break: a run is found only for a way that leads where it led. */
#include "daemon/symbol/path-cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

#define FIRST_SCRATCH 16384

int path_cache_init(struct path_cache *cache, size_t max_bytes, path_render_fn render)
{
	*cache = (struct path_cache){ .render = render };
	return cache_init(&cache->cache, CACHE_BOUND_BYTES, max_bytes);
}

void path_cache_deinit(struct path_cache *cache)
{
	cache_deinit(&cache->cache);
	free(cache->scratch);
	*cache = (struct path_cache){};
}

static uint64_t hash_of(const struct path_key *key)
{
	return cache_hash(cache_hash(key->from) ^ key->to);
}

static bool matches(const struct cached_run *run, const struct path_key *key)
{
	return run->key.from == key->from && run->key.to == key->to &&
	       run->key.detail == key->detail && run->key.interrupted == key->interrupted &&
	       (!run->key.next || run->key.next == key->next);
}

const struct cached_run *path_cache_find(struct path_cache *cache, const struct path_key *key,
		uint64_t timestamp)
{
	struct cache_entry *entry = cache_first(&cache->cache, hash_of(key));

	for (; entry; entry = entry->next) {
		struct cached_run *run = container_of(entry, struct cached_run, entry);

		if (matches(run, key) && life_holds(entry->life, timestamp)) {
			entry->used = true;
			cache->hits++;
			return run;
		}
	}
	cache->misses++;
	return NULL;
}

static bool make_scratch(struct path_cache *cache, size_t size)
{
	char *grown;

	if (size <= cache->scratch_size)
		return true;
	grown = realloc(cache->scratch, size);
	if (!grown)
		return false;
	cache->scratch = grown;
	cache->scratch_size = size;
	return true;
}

/* Into the scratch; the length, 0 when out of memory. */
static size_t render(struct path_cache *cache, enum path_detail detail, const struct path_run *run)
{
	size_t length;

	if (!make_scratch(cache, FIRST_SCRATCH))
		return 0;
	length = cache->render(run, detail, cache->scratch, cache->scratch_size);
	if (length <= cache->scratch_size)
		return length;
	if (!make_scratch(cache, length))
		return 0;
	return MIN(cache->render(run, detail, cache->scratch, cache->scratch_size), length);
}

/*
 * Whether another `next` could give another answer: a branch that names its target, a patched
 * place, and all that was found to be no run.
 */
static bool depends_on_next(const struct path_run *run)
{
	return run->gap || run->patched ||
	       (run->n_instructions && run->instructions[run->n_instructions - 1].decoded.direct);
}

const struct cached_run *path_cache_add(struct path_cache *cache, const struct path_key *key,
		const struct path_run *run, struct life *life)
{
	struct cached_run *cached;
	size_t length = 0;

	if (!run->gap && cache->render) {
		length = render(cache, key->detail, run);
		if (!length)
			return NULL;
	}
	cached = malloc(sizeof(*cached) + length);
	if (!cached)
		return NULL;
	*cached = (struct cached_run){
		.entry = { .hash = hash_of(key), .size = (uint32_t)(sizeof(*cached) + length) },
		.key = *key,
		.gap = run->gap,
		.error = run->error,
		.end = run->gap ? PATH_END_UNKNOWN : run->end,
		.text = memcpy(cached + 1, length ? cache->scratch : "", length),
		.text_length = length,
	};
	if (!depends_on_next(run))
		cached->key.next = 0;
	cache_add(&cache->cache, &cached->entry, life);
	return cached;
}
