/* SPDX-License-Identifier: Apache-2.0 */
/* One observer's end of a stream of events: reads as much as it is told, and keeps account. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/feed/feed.h"

struct observer {
	int fd;
	char head[512]; /* the beginning of the message that is being read */
	size_t n_head;
	uint64_t first; /* number of the first event that it got or was told lost; 0: none yet */
	uint64_t last; /* of the last one */
	uint64_t received, lost;
};

/* Becomes an observer of everything. */
void observer_open(struct observer *observer, const struct feed *feed);
void observer_close(struct observer *observer);
/*
 * Reads `max` bytes at the most, and checks that the numbers of events and losses go on without a
 * gap. False: nothing was there.
 */
bool observer_read(struct observer *observer, size_t max);
/* How many events it knows of: it got them, or was told that they are lost. */
uint64_t observer_accounted(const struct observer *observer);
