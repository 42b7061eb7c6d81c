/* SPDX-License-Identifier: Apache-2.0 */
/* The conductor of a snapshot's way: ring buffer, decode, admit, publish; the hub encodes. */
#pragma once

#include <event2/event.h>
#include <stddef.h>

#include "daemon/api/api.h"
#include "daemon/api/state.h"

struct pipeline;

/* Made first, because the ring buffer is made with its callback, pipeline_record(). */
int pipeline_new(struct event_base *base, struct pipeline **ret);
void pipeline_free(struct pipeline *pipeline);

/* Borrowed; all set before pipeline_start(). */
struct pipeline_parts {
	struct trace *trace;
	struct lbr *lbr;
	struct symbols *symbols;
	struct attachments *attachments;
	struct hub *hub;
	struct state *state;
};

/*
 * Before the start: leaves the ring alone until there are so many observers, but not for ever. They
 * had them with an earlier lbrd, and come back within a moment.
 */
void pipeline_hold(struct pipeline *pipeline, size_t n_observers);
/* hub_config.subscribed */
void pipeline_observed(void *pipeline);

/* From here on the ring is drained in turns from the loop. */
int pipeline_start(struct pipeline *pipeline, const struct pipeline_parts *parts);

/* trace_config.record */
void pipeline_record(const void *data, size_t length, void *pipeline);
/* attachments_config.turn_wanted: a turn is taken soon even if the ring stays empty. */
void pipeline_want_turn(void *pipeline);
/* hub_config.drained: ends a pause that was made because all observers were behind. */
void pipeline_resume(void *pipeline);
/* Shutdown: takes turns until nothing is attached any more. */
void pipeline_finish(struct pipeline *pipeline);

const struct pipeline_counters *pipeline_count(const struct pipeline *pipeline);
