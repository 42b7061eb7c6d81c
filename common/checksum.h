/* SPDX-License-Identifier: Apache-2.0 */
/* Whether bytes are still those that were written. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Against accidents, not against malice. Every step is reversible, so a change within one lane of
 * eight bytes always shows; four lanes keep the processor busy.
 */
static inline uint64_t checksum(const void *data, size_t size)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t lanes[4] = {1, 2, 3, 4}, words[4], sum = size;
	const uint8_t *bytes = data;

	while (size > 0) {
		size_t n = size < sizeof(words) ? size : sizeof(words);

		if (n < sizeof(words))
			memset(words, 0, sizeof(words));
		memcpy(words, bytes, n);
		for (int i = 0; i < 4; i++) {
			lanes[i] = (lanes[i] ^ words[i]) * odd;
			lanes[i] ^= lanes[i] >> 29;
		}
		bytes += n;
		size -= n;
	}
	for (int i = 0; i < 4; i++) {
		sum = (sum ^ lanes[i]) * odd;
		sum ^= sum >> 32;
	}
	return sum;
}
