/* SPDX-License-Identifier: Apache-2.0 */
/* The span of time for which an answer about an address holds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define LIFE_OPEN UINT64_MAX

/*
 * Every cached location points to one, and is right for a moment t when from <= t < until. Whoever
 * learns that the answer changes shortens or retires the life; no cache has to be searched for it.
 */
struct life {
	uint64_t from; /* CLOCK_MONOTONIC, nanoseconds */
	uint64_t until; /* LIFE_OPEN while nothing is known of an end */
	uint32_t users; /* cached locations that point here */
	SLIST_ENTRY(life) retired;
};

SLIST_HEAD(life_list, life);

/* NULL when out of memory. */
struct life *life_new(uint64_t from);

static inline bool life_holds(const struct life *life, uint64_t timestamp)
{
	return timestamp >= life->from && timestamp < life->until;
}

/* No moment lies in a retired life. It is freed by lives_free(), once no cache refers to it. */
void life_retire(struct life *life, struct life_list *retired);

static inline bool life_is_retired(const struct life *life)
{
	return life->from > life->until;
}

void lives_free(struct life_list *retired);
