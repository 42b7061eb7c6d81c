/* SPDX-License-Identifier: Apache-2.0 */
/* One attachment: what a client asked for, what it uses, and how far it has come. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/model/losses.h"
#include "daemon/model/snapshot.h"
#include "daemon/trace/trace.h"
#include "daemon/wire/server.h"

struct attachment;
struct tracing;

/* One attachment's share in one tracer. */
struct use {
	LIST_ENTRY(use) by_tracing;
	struct attachment *attachment;
	struct tracing *tracing;
	struct tracer_losses seen; /* of the tracer, already told to this attachment's observers */
};

struct attachment_filter {
	uint32_t pid; /* 0: all */
	uint64_t limit; /* 0: none */
	uint32_t max_per_second; /* 0: no ceiling */
};

enum attachment_state {
	ATTACHMENT_ACTIVE,
	ATTACHMENT_DETACHING, /* its tracers are being switched off */
	ATTACHMENT_ABANDONED, /* it never began, and its tracers are being switched off */
	ATTACHMENT_DRAINING, /* its tracers are off, its last records are still in the ring */
};

enum end_reason {
	END_DETACHED,
	END_LIMIT,
	END_OWNER_GONE,
	END_TARGETS_GONE,
	END_SHUTDOWN,
};

struct attachment {
	TAILQ_ENTRY(attachment) entries;
	uint32_t id;
	struct peer *peer; /* that it lives as long as; NULL when persistent */
	bool kept; /* it outlives this process, with its tracers */
	struct peer_credentials owner;
	struct charge charge; /* for itself, */
	struct charge targets_charge; /* and for what it traces */
	struct attachment_filter filter;
	bool without_branches;
	uint64_t since; /* nanoseconds since 1970 */

	enum attachment_state state;
	enum end_reason end_reason;
	uint64_t active_from; /* CLOCK_MONOTONIC; records outside [from, until] are not its own */
	uint64_t active_until;
	uint64_t drained_at; /* trace_position() up to which its records reach */

	uint64_t events; /* published */
	struct losses losses; /* of its life, as told or about to be */
	struct losses untold; /* of those, what nobody was told yet: only within a turn */
	struct losses unreported; /* of records; not among the others yet */
	uint64_t second_start; /* of the rate filter's window, in record time */
	uint32_t second_events;

	size_t n_uses;
	struct use uses[];
};
