/* SPDX-License-Identifier: Apache-2.0 */
/* Things that were read before, found again by the bytes they were read from. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

/* Bytes that are looked at to find the bucket: an address must be among them to spread well. */
#define MEMO_KEY_SIZE 40
#define MEMO_BUCKETS 4096 /* a power of two */

/* Embedded in what is remembered. */
struct memo_entry {
	SLIST_ENTRY(memo_entry) chain;
	const char *bytes; /* owned by whoever embeds this, as long as it is in the memo */
	size_t length;
};

SLIST_HEAD(memo_bucket, memo_entry);

struct memo {
	size_t count;
	struct memo_bucket buckets[MEMO_BUCKETS];
};

static inline struct memo_bucket *memo_bucket(struct memo *memo, const char *key)
{
	uint64_t word, hash = 0;

	for (size_t i = 0; i < MEMO_KEY_SIZE; i += sizeof(word)) {
		memcpy(&word, key + i, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	}
	return &memo->buckets[(hash >> 32) % MEMO_BUCKETS];
}

/* The entry that the `size` bytes at `at` begin with, or NULL. */
static inline struct memo_entry *memo_find(struct memo *memo, const char *at, size_t size)
{
	struct memo_entry *entry;

	if (size < MEMO_KEY_SIZE)
		return NULL;
	SLIST_FOREACH (entry, memo_bucket(memo, at), chain)
		if (entry->length <= size && !memcmp(entry->bytes, at, entry->length))
			return entry;
	return NULL;
}

/*
 * Adds an entry. `at` is where the bytes were found, with `size` bytes readable from there: more
 * than the entry is long perhaps, for they all decide on the bucket. What is too short to be found
 * again is added all the same, so that it is freed with the others.
 */
static inline void memo_add(struct memo *memo, struct memo_entry *entry, const char *at,
			    size_t size)
{
	struct memo_bucket *bucket =
		size < MEMO_KEY_SIZE ? &memo->buckets[0] : memo_bucket(memo, at);

	SLIST_INSERT_HEAD(bucket, entry, chain);
	memo->count++;
}

/* Empties the memo; each entry is given to `release`. */
static inline void memo_clear(struct memo *memo, void (*release)(struct memo_entry *entry))
{
	for (size_t i = 0; i < MEMO_BUCKETS; i++) {
		while (!SLIST_EMPTY(&memo->buckets[i])) {
			struct memo_entry *entry = SLIST_FIRST(&memo->buckets[i]);

			SLIST_REMOVE_HEAD(&memo->buckets[i], chain);
			release(entry);
		}
	}
	memo->count = 0;
}
