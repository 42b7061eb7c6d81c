/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that were decoded and rendered once, found again by their ends and the moment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/life.h"
#include "daemon/symbol/path-run.h"

struct path_key {
	uint64_t from;
	uint64_t to;
	uint64_t next;
	bool interrupted;
	enum path_detail detail;
};

/* What is known of one key, immutable once made. */
struct cached_run {
	struct path_key key; /* `next` 0: whatever it is */
	enum path_gap gap; /* or none */
	int error; /* of PATH_NO_CODE */
	enum path_end end;
	const char *text; /* of a run */
	size_t text_length;

	struct life *life;
	struct cached_run *chain; /* in its bucket */
	size_t size;
	bool used; /* since the last sweep */
};

struct path_cache {
	struct cached_run **buckets;
	unsigned int bits; /* of the number of buckets */
	size_t n;
	size_t bytes;
	size_t max_bytes;
	size_t hand; /* the bucket at which the next eviction begins */
	path_render_fn render;
	char *scratch;
	size_t scratch_size;
	uint64_t hits;
	uint64_t misses;
};

int path_cache_init(struct path_cache *cache, size_t max_bytes, path_render_fn render);
void path_cache_deinit(struct path_cache *cache);

/* What `key` was at `timestamp`, or NULL. */
const struct cached_run *path_cache_find(struct path_cache *cache, const struct path_key *key,
		uint64_t timestamp);

/*
 * Keeps what was found of `key` for as long as `life` holds; a run that is no gap is rendered.
 * The bound is enforced by the sweep: what was handed out stays valid until then. NULL: no memory.
 */
const struct cached_run *path_cache_add(struct path_cache *cache, const struct path_key *key,
		const struct path_run *run, struct life *life);

static inline bool path_cache_is_full(const struct path_cache *cache)
{
	return cache->bytes > cache->max_bytes;
}

/* Drops runs of retired lives and, above the bound, those that were not used lately. */
void path_cache_sweep(struct path_cache *cache);
