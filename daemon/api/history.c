/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of references. What an observation weighs is taken down, for it grows with each view. */
#include "daemon/api/history.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/api/limits.h"

struct kept {
	struct observation *observation;
	size_t size; /* as it was last weighed */
};

struct history {
	size_t first; /* of the oldest */
	size_t length;
	size_t capacity;
	size_t bytes;
	struct kept ring[];
};

int history_new(struct history **ret)
{
	size_t capacity = limit_value(LIMIT_REPLAY_EVENTS);
	struct history *history = calloc(1, sizeof(*history) + capacity * sizeof(struct kept));

	if (!history)
		return -ENOMEM;
	history->capacity = capacity;
	*ret = history;
	return 0;
}

static void drop_oldest(struct history *history)
{
	struct kept *oldest = &history->ring[history->first];

	history->bytes -= oldest->size;
	observation_unref(oldest->observation);
	history->first = (history->first + 1) % history->capacity;
	history->length--;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	while (history->length)
		drop_oldest(history);
	free(history);
}

void history_keep(struct history *history, struct observation *observation)
{
	size_t size = observation_size(observation);

	while (history->length && (history->length == history->capacity ||
			history->bytes + size > limit_value(LIMIT_REPLAY_BYTES)))
		drop_oldest(history);
	history->ring[(history->first + history->length) % history->capacity] = (struct kept){
		.observation = observation_ref(observation),
		.size = size,
	};
	history->length++;
	history->bytes += size;
}

void history_weigh(struct history *history)
{
	history->bytes = 0;
	for (size_t i = 0; i < history->length; i++) {
		struct kept *kept = &history->ring[(history->first + i) % history->capacity];

		kept->size = observation_size(kept->observation);
		history->bytes += kept->size;
	}
	while (history->bytes > limit_value(LIMIT_REPLAY_BYTES))
		drop_oldest(history);
}

size_t history_length(const struct history *history)
{
	return history->length;
}

struct observation *history_at(const struct history *history, size_t index)
{
	return history->ring[(history->first + index) % history->capacity].observation;
}

size_t history_bytes(const struct history *history)
{
	return history->bytes;
}

void history_encode(struct history *history, struct encoder *encoder, size_t max)
{
	for (size_t i = 0; i < history_length(history) && max; i++) {
		struct observation *observation = history_at(history, i);

		if (observation->frames[VIEW_BRANCHES])
			continue;
		encoder_encode(encoder, observation, VIEW_BRANCHES);
		max--;
	}
	history_weigh(history);
}
