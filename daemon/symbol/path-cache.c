/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chained hash table, bounded by bytes since runs are of any length. The rule that must not
 * break: nothing is freed but in the sweep, since paths hold pointers until symbols_refresh().
 */
#include "daemon/symbol/path-cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

#define FIRST_BITS 9
#define FIRST_SCRATCH 16384

int path_cache_init(struct path_cache *cache, size_t max_bytes, path_render_fn render)
{
	*cache = (struct path_cache){
		.bits = FIRST_BITS, .max_bytes = max_bytes, .render = render,
	};
	cache->buckets = calloc((size_t)1 << cache->bits, sizeof(*cache->buckets));
	return cache->buckets ? 0 : -ENOMEM;
}

static void drop(struct path_cache *cache, struct cached_run **link)
{
	struct cached_run *run = *link;

	*link = run->chain;
	run->life->users--;
	cache->n--;
	cache->bytes -= run->size;
	free(run);
}

void path_cache_deinit(struct path_cache *cache)
{
	if (!cache->buckets)
		return;
	for (size_t i = 0; i < (size_t)1 << cache->bits; i++)
		while (cache->buckets[i])
			drop(cache, &cache->buckets[i]);
	free(cache->buckets);
	free(cache->scratch);
	*cache = (struct path_cache){};
}

static size_t bucket_of(const struct path_cache *cache, const struct path_key *key)
{
	uint64_t hash = (key->from * 0x9e3779b97f4a7c15ull) ^ key->to;

	return hash * 0x9e3779b97f4a7c15ull >> (64 - cache->bits);
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
	struct cached_run *run = cache->buckets[bucket_of(cache, key)];

	for (; run; run = run->chain) {
		if (matches(run, key) && life_holds(run->life, timestamp)) {
			run->used = true;
			cache->hits++;
			return run;
		}
	}
	cache->misses++;
	return NULL;
}

/* Failing to grow only costs speed. */
static void grow(struct path_cache *cache)
{
	struct cached_run **old = cache->buckets, **buckets;
	size_t n = (size_t)1 << cache->bits;

	buckets = calloc(2 * n, sizeof(*buckets));
	if (!buckets)
		return;
	cache->buckets = buckets;
	cache->bits++;
	for (size_t i = 0; i < n; i++) {
		while (old[i]) {
			struct cached_run *run = old[i];
			size_t bucket = bucket_of(cache, &run->key);

			old[i] = run->chain;
			run->chain = buckets[bucket];
			buckets[bucket] = run;
		}
	}
	free(old);
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
	struct cached_run *entry;
	size_t length = 0, bucket;

	if (!run->gap && cache->render) {
		length = render(cache, key->detail, run);
		if (!length)
			return NULL;
	}
	entry = malloc(sizeof(*entry) + length);
	if (!entry)
		return NULL;
	if (cache->n >= (size_t)1 << cache->bits)
		grow(cache);
	bucket = bucket_of(cache, key);
	*entry = (struct cached_run){
		.key = *key,
		.gap = run->gap,
		.error = run->error,
		.end = run->gap ? PATH_END_UNKNOWN : run->end,
		.text = memcpy(entry + 1, length ? cache->scratch : "", length),
		.text_length = length,
		.life = life,
		.chain = cache->buckets[bucket],
		.size = sizeof(*entry) + length,
		.used = true,
	};
	if (!depends_on_next(run))
		entry->key.next = 0;
	life->users++;
	cache->buckets[bucket] = entry;
	cache->n++;
	cache->bytes += entry->size;
	return entry;
}

/* One turn of a clock hand: what was not used since the last turn goes, or, if forced, all. */
static void evict(struct path_cache *cache, size_t goal, bool forced)
{
	size_t n_buckets = (size_t)1 << cache->bits;

	for (size_t i = 0; i < n_buckets && cache->bytes > goal; i++) {
		struct cached_run **link = &cache->buckets[cache->hand++ & (n_buckets - 1)];

		while (*link) {
			if (forced || !(*link)->used) {
				drop(cache, link);
				continue;
			}
			(*link)->used = false;
			link = &(*link)->chain;
		}
	}
}

void path_cache_sweep(struct path_cache *cache)
{
	for (size_t i = 0; i < (size_t)1 << cache->bits; i++) {
		struct cached_run **link = &cache->buckets[i];

		while (*link) {
			if (life_is_retired((*link)->life))
				drop(cache, link);
			else
				link = &(*link)->chain;
		}
	}
	if (path_cache_is_full(cache)) {
		/* A quarter of room, so that the next sweep is not the next refresh. */
		size_t goal = cache->max_bytes - cache->max_bytes / 4;

		evict(cache, goal, false);
		evict(cache, goal, false);
		evict(cache, goal, true);
	}
}
