/* SPDX-License-Identifier: Apache-2.0 */
/* Things that were made once and hold for a span of time, found again by a hash. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/life.h"

/* The first member of what is cached, which is one piece of malloc(3). */
struct cache_entry {
	uint64_t hash;
	struct cache_entry *next; /* in its bucket */
	struct life *life;
	uint32_t size; /* in bytes, all told */
	bool used; /* since the last sweep */
};

enum cache_bound {
	CACHE_BOUND_NUMBER,
	CACHE_BOUND_BYTES,
};

struct cache {
	struct cache_entry **buckets;
	unsigned int bits; /* of the number of buckets */
	enum cache_bound bound;
	size_t max; /* entries or bytes */
	size_t n;
	size_t bytes;
	size_t hand; /* the bucket at which the next eviction begins */
};

/* -ENOMEM. */
int cache_init(struct cache *cache, enum cache_bound bound, size_t max);
void cache_deinit(struct cache *cache);

/* Spreads numbers; buckets are found by the upper bits, which depend on all bits. */
static inline uint64_t cache_hash(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15ull;
}

/* The first of the entries that may have that hash; the others follow by `next`. */
static inline struct cache_entry *cache_first(const struct cache *cache, uint64_t hash)
{
	return cache->buckets[hash >> (64 - cache->bits)];
}

/*
 * Takes over an entry whose hash and size are set, and keeps it for as long as `life` holds. The
 * bound is enforced by the sweep: what was handed out stays valid until then.
 */
void cache_add(struct cache *cache, struct cache_entry *entry, struct life *life);

static inline bool cache_is_full(const struct cache *cache)
{
	return (cache->bound == CACHE_BOUND_BYTES ? cache->bytes : cache->n) > cache->max;
}

/* Of entries and table. */
static inline size_t cache_memory(const struct cache *cache)
{
	return cache->bytes + (sizeof(*cache->buckets) << cache->bits);
}

/* Drops entries of retired lives and, above the bound, those that were not used lately. */
void cache_sweep(struct cache *cache);
