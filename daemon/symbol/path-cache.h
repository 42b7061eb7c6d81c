/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that were decoded and rendered once, found again by their ends and the moment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/cache.h"
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
	struct cache_entry entry;
	struct path_key key; /* `next` 0: whatever it is */
	enum path_gap gap; /* or none */
	int error; /* of PATH_NO_CODE */
	enum path_end end;
	const char *text; /* of a run */
	size_t text_length;
};

struct path_cache {
	struct cache cache;
	path_render_fn render;
	char *scratch;
	size_t scratch_size;
	uint64_t hits;
	uint64_t misses;
};

/* At most `max_bytes`, since runs are of any length. -ENOMEM. */
int path_cache_init(struct path_cache *cache, size_t max_bytes, path_render_fn render);
void path_cache_deinit(struct path_cache *cache);

/* What `key` was at `timestamp`, or NULL. */
const struct cached_run *path_cache_find(struct path_cache *cache, const struct path_key *key,
		uint64_t timestamp);

/*
 * Keeps what was found of `key` for as long as `life` holds; a run that is no gap is rendered.
 * Valid until the next cache_sweep(). NULL: no memory.
 */
const struct cached_run *path_cache_add(struct path_cache *cache, const struct path_key *key,
		const struct path_run *run, struct life *life);
