/* SPDX-License-Identifier: Apache-2.0 */
/* Every number that limits something, in one table, each with its reason. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum limit_id {
	LIMIT_CALL_BYTES,
	LIMIT_JSON_DEPTH,
	LIMIT_CONNECTIONS,
	LIMIT_QUEUED_REPLY_BYTES,
	LIMIT_ATTACHMENTS,
	LIMIT_TARGETS,
	LIMIT_SELECTORS,
	LIMIT_OBSERVER_BYTES,
	LIMIT_OBSERVER_STALL,
	LIMIT_PACE_BYTES,
	LIMIT_PACE_STALL,
	LIMIT_PACE_WAIT,
	LIMIT_PACE_RING,
	LIMIT_REPLAY_EVENTS,
	LIMIT_REPLAY_BYTES,
	LIMIT_RING_BYTES,
	LIMIT_TURN_RECORDS,
	LIMIT_TURN_INTERVAL,
	LIMIT_RETURN,
	LIMIT_LOCATIONS,
	LIMIT_PATH_BYTES,
	LIMIT_RUN,
	LIMIT_SYMBOL_GRACE,
	LIMIT_INDEX_MEMORY,
	LIMIT_INDEX_CPU,
	LIMIT_INDEX_TIME,
	LIMIT_INDEX_BYTES,
	LIMIT_DUMPS,
	LIMIT_DUMP_PART,
	LIMIT_DUMP_REPLY,
	N_LIMITS,
};

struct limit {
	const char *name; /* as clients see it, camelCase */
	uint64_t value;
	const char *unit;
	const char *reason; /* one sentence */
};

extern const struct limit limits[N_LIMITS];

static inline uint64_t limit_value(enum limit_id id)
{
	return limits[id].value;
}
