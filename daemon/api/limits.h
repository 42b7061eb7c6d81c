/* SPDX-License-Identifier: Apache-2.0 */
/* Every number that limits something, in one table, each with its reason. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/wire/account.h"

enum limit_id {
	LIMIT_USER_SHARE,
	LIMIT_ROOT_SHARE,
	LIMIT_CALL_BYTES,
	LIMIT_JSON_DEPTH,
	LIMIT_CONNECTIONS,
	LIMIT_TURN_CALLS,
	LIMIT_CALLS_BYTES,
	LIMIT_QUEUED_REPLY_BYTES,
	LIMIT_REPLIES_BYTES,
	LIMIT_ATTACHMENTS,
	LIMIT_CONNECTION_ATTACHMENTS,
	LIMIT_TARGETS,
	LIMIT_ALL_TARGETS,
	LIMIT_SELECTORS,
	LIMIT_OBSERVERS,
	LIMIT_OBSERVER_BYTES,
	LIMIT_OBSERVER_OWN,
	LIMIT_STREAMS_BYTES,
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
	LIMIT_COMEBACK,
	LIMIT_LOCATIONS,
	LIMIT_PATH_BYTES,
	LIMIT_RUN,
	LIMIT_SYMBOL_GRACE,
	LIMIT_INDEX_MEMORY,
	LIMIT_INDEX_CPU,
	LIMIT_INDEX_TIME,
	LIMIT_INDEX_BYTES,
	LIMIT_ATTACH_TURN,
	LIMIT_DUMPS,
	LIMIT_DUMP_PART,
	LIMIT_DUMP_REPLY,
	LIMIT_DUMP_BYTES,
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

/* What users share, besides the resources of the server. */
enum {
	RESOURCE_OBSERVERS = N_SERVER_RESOURCES,
	RESOURCE_ATTACHMENTS,
	RESOURCE_TARGETS,
	RESOURCE_DUMPS,
};

/* The resource that a limit is the total of; -1: it is none. */
int limit_resource(enum limit_id id);
/* The limits that are totals of all users, for server_config. */
void limits_of_users(struct account_config *ret);
