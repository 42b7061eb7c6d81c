/* SPDX-License-Identifier: Apache-2.0 */
/* The reading end of a BPF ring buffer. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ring {
	int fd; /* of the map; -1: none */
	size_t bytes;
	uint64_t *consumer; /* position, written by us */
	const uint64_t *producer; /* position, written by the kernel */
	const unsigned char *data; /* mapped twice in a row, so that no record is split */
};

/* `bytes` is rounded up to a power of two of whole pages. The caller deinits in any case. */
int ring_init(struct ring *ring, size_t bytes);
void ring_deinit(struct ring *ring);

/*
 * Hands up to `max` records to the callback, in order, and frees their place; returns how many.
 * Stops at a record that the kernel is still writing.
 */
size_t ring_drain(struct ring *ring, size_t max,
		void (*record)(const void *data, size_t length, void *userdata), void *userdata);

/* Bytes that wait, headers of the records included. */
size_t ring_used(const struct ring *ring);
