/* SPDX-License-Identifier: Apache-2.0 */
/* The reading end of a BPF ring buffer. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ring {
	int fd; /* of the map; -1: none */
	size_t bytes;
	uint64_t position; /* up to which records have been handed up */
	uint64_t *consumer; /* position up to which their place was given back */
	const uint64_t *producer; /* position, written by the kernel */
	const unsigned char *data; /* mapped twice in a row, so that no record is split */
};

/* `bytes` is rounded up to a power of two of whole pages. The caller deinits in any case. */
int ring_init(struct ring *ring, size_t bytes);
/*
 * The same with the map of an earlier process, whose size is `bytes`; `fd` is taken over. Goes on
 * at `position`: -EBADMSG when no record begins there that was not given back already.
 */
int ring_adopt(struct ring *ring, int fd, size_t bytes, uint64_t position);
void ring_deinit(struct ring *ring);

/*
 * Hands up to `max` records to the callback, in order; returns how many. Stops at a record that the
 * kernel is still writing. Meanwhile `position` is that of the record in hand.
 */
size_t ring_drain(struct ring *ring, size_t max,
		void (*record)(const void *data, size_t length, void *userdata), void *userdata);

/* Gives the place of all records that have been handed up back to the kernel. */
void ring_release(struct ring *ring);

/* Bytes that wait to be handed up, headers of the records included. */
size_t ring_used(const struct ring *ring);
