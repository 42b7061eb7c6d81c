/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one caller of all stages that a snapshot passes. Rule: the ring is drained in bounded turns,
 * and a record that cannot go on is dropped and counted, never retried.
 */
#include "daemon/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/limits.h"
#include "daemon/log.h"
#include "daemon/trace/record.h"
#include "daemon/wire/event-clear.h"

#define MAX_REPORT_FDS 2

struct pipeline {
	struct pipeline_parts parts;
	struct pipeline_counters counters;
	struct event_base *base;
	struct event *ring_readable;
	struct event *turn_wanted;
	struct event *detached; /* a tracer, in the background */
	struct event *pause; /* pending while the ring is left alone */
	uint64_t emptied_at; /* CLOCK_MONOTONIC: when a turn last found the ring empty */
	struct event *tick;
	struct event *hold_over; /* pending while the ring is held for observers */
	struct event *catch_up; /* pending while symbols are behind */
	size_t awaited; /* observers */
	struct event **reports_readable; /* of symbols */
	size_t n_reports;
	uint64_t symbols_fresh_at; /* CLOCK_MONOTONIC */
	uint64_t malformed_logged;
	uint64_t *signatures; /* of the latest snapshot of each CPU */
	size_t n_signatures;
};

int pipeline_new(struct event_base *base, struct pipeline **ret)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	if (!pipeline)
		return -ENOMEM;
	pipeline->base = base;
	*ret = pipeline;
	return 0;
}

void pipeline_free(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	for (size_t i = 0; i < pipeline->n_reports; i++)
		event_clear(&pipeline->reports_readable[i]);
	free(pipeline->reports_readable);
	event_clear(&pipeline->ring_readable);
	event_clear(&pipeline->turn_wanted);
	event_clear(&pipeline->detached);
	event_clear(&pipeline->pause);
	event_clear(&pipeline->tick);
	event_clear(&pipeline->hold_over);
	event_clear(&pipeline->catch_up);
	free(pipeline->signatures);
	free(pipeline);
}

/* ---- the route ---- */

/* A cheap digest that two different branch stacks rarely share. */
static uint64_t signature(const struct snapshot *snapshot)
{
	uint64_t digest = snapshot->n_branches;

	for (uint32_t i = 0; i < snapshot->n_branches; i++)
		digest = (digest ^ snapshot->branches[i].from) * 0x9e3779b97f4a7c15 +
				snapshot->branches[i].to;
	return digest;
}

/* Counts what hints at branch records that are not recorded anew. */
static void observe_health(struct pipeline *pipeline, const struct snapshot *snapshot)
{
	uint64_t digest = signature(snapshot), *signatures;
	size_t n = snapshot->cpu + 1;

	lbr_observe(pipeline->parts.lbr, snapshot->cpu, snapshot->n_branches == 0);
	if (!snapshot->n_branches) {
		pipeline->counters.empty++;
		return;
	}
	if (n > pipeline->n_signatures) {
		signatures = reallocarray(pipeline->signatures, n, sizeof(*signatures));
		if (!signatures)
			return;
		memset(signatures + pipeline->n_signatures, 0,
				(n - pipeline->n_signatures) * sizeof(*signatures));
		pipeline->signatures = signatures;
		pipeline->n_signatures = n;
	}
	pipeline->counters.repeated += pipeline->signatures[snapshot->cpu] == digest;
	pipeline->signatures[snapshot->cpu] = digest;
}

/* What was loaded before the record was written must be known before it is named. */
static void refresh_symbols(struct pipeline *pipeline, uint64_t timestamp)
{
	if (timestamp < pipeline->symbols_fresh_at)
		return;
	pipeline->symbols_fresh_at = clock_ns(CLOCK_MONOTONIC);
	symbols_refresh(pipeline->parts.symbols);
}

void pipeline_record(const void *data, size_t length, void *userdata)
{
	struct pipeline *pipeline = userdata;
	struct pipeline_parts *parts = &pipeline->parts;
	struct observation *observation = NULL;
	struct snapshot snapshot;
	struct audience audience;

	pipeline->counters.records++;
	if (record_decode(data, length, &snapshot) < 0) {
		pipeline->counters.malformed++;
		attachments_count_malformed(parts->attachments);
		return;
	}
	if (!attachments_admit(parts->attachments, &snapshot, &audience)) {
		pipeline->counters.unwanted++;
		return;
	}
	if (!audience.without_branches)
		observe_health(pipeline, &snapshot);
	refresh_symbols(pipeline, snapshot.timestamp);
	if (observation_new(&snapshot, &audience, state_number(parts->state, &audience),
			&observation) < 0) {
		pipeline->counters.out_of_memory++;
		attachments_count_unpublished(parts->attachments, &audience);
	} else {
		hub_publish(parts->hub, observation);
	}
	observation_unref(observation);
}

/*
 * Once every observer has what was published, or they have too much to read, it is dealt with: a
 * later lbrd need not publish it again.
 */
static void commit(struct pipeline *pipeline)
{
	const struct pipeline_parts *parts = &pipeline->parts;

	if (state_is_long(parts->state) || hub_is_flushed(parts->hub))
		state_commit(parts->state, parts->attachments);
}

static bool take_turn(struct pipeline *pipeline)
{
	size_t max = MIN(limit_value(LIMIT_TURN_RECORDS), state_room(pipeline->parts.state,
			attachments_count(pipeline->parts.attachments)));
	size_t n = trace_drain(pipeline->parts.trace, max);

	hub_flush(pipeline->parts.hub);
	attachments_settle(pipeline->parts.attachments, n < max);
	commit(pipeline);
	pipeline->emptied_at = n < max ? clock_ns(CLOCK_MONOTONIC) : 0;
	return n < max;
}

/* ---- symbols that are behind ---- */

static void begin_to_catch_up(struct pipeline *pipeline)
{
	const struct timeval at_once = {};

	if (symbols_is_behind(pipeline->parts.symbols) &&
	    !event_pending(pipeline->catch_up, EV_TIMEOUT, NULL))
		event_add(pipeline->catch_up, &at_once);
}

/* In parts, between which others are served. */
static void on_catch_up(evutil_socket_t fd, short what, void *userdata)
{
	struct pipeline *pipeline = userdata;

	if (symbols_go_on(pipeline->parts.symbols))
		begin_to_catch_up(pipeline);
	else
		pipeline_resume(pipeline);
}

/* ---- the loop ---- */

/*
 * How long records are better left in the ring: a moment when the ring was empty just now and more
 * than this one will come, longer while hub_is_busy() or symbols are behind and there is room.
 */
static unsigned int pause_milliseconds(struct pipeline *pipeline)
{
	static const unsigned int long_pause = 20;
	unsigned int interval = limit_value(LIMIT_TURN_INTERVAL);
	struct trace_description description;

	if (clock_ns(CLOCK_MONOTONIC) < pipeline->emptied_at + interval * NS_PER_MS)
		return interval;
	if (!hub_is_busy(pipeline->parts.hub) && !symbols_is_behind(pipeline->parts.symbols))
		return 0;
	trace_describe(pipeline->parts.trace, &description);
	return description.ring_used < limit_value(LIMIT_PACE_RING) ? long_pause : 0;
}

/* The end of a pause: an observer has caught up, or it is time to look again. */
static void resume(struct pipeline *pipeline)
{
	event_del(pipeline->pause);
	event_add(pipeline->ring_readable, NULL);
}

static void on_pause_over(evutil_socket_t fd, short what, void *userdata)
{
	resume(userdata);
}

void pipeline_resume(void *userdata)
{
	struct pipeline *pipeline = userdata;

	if (event_pending(pipeline->pause, EV_TIMEOUT, NULL))
		resume(pipeline);
}

static void on_ring_readable(evutil_socket_t fd, short what, void *userdata)
{
	struct pipeline *pipeline = userdata;
	unsigned int ms = pause_milliseconds(pipeline);
	const struct timeval moment = {.tv_usec = ms * 1000};

	begin_to_catch_up(pipeline);
	/* Without memory for the pause there is none. */
	if (ms && event_add(pipeline->pause, &moment) == 0)
		event_del(pipeline->ring_readable);
	else
		take_turn(pipeline);
}

/* ---- a ring that waits for observers ---- */

static bool is_held(const struct pipeline *pipeline)
{
	return event_pending(pipeline->hold_over, EV_TIMEOUT, NULL);
}

static void end_hold(struct pipeline *pipeline)
{
	event_del(pipeline->hold_over);
	event_add(pipeline->ring_readable, NULL);
}

static void on_hold_over(evutil_socket_t fd, short what, void *userdata)
{
	end_hold(userdata);
}

void pipeline_hold(struct pipeline *pipeline, size_t n_observers)
{
	pipeline->awaited = n_observers;
}

void pipeline_observed(void *userdata)
{
	struct pipeline *pipeline = userdata;

	if (!is_held(pipeline))
		state_count(pipeline->parts.state, pipeline->parts.attachments);
	else if (hub_n_observers(pipeline->parts.hub, 0) >= pipeline->awaited)
		end_hold(pipeline);
}

static int begin(struct pipeline *pipeline)
{
	const struct timeval patience = {.tv_sec = limit_value(LIMIT_COMEBACK)};

	if (pipeline->awaited)
		return event_add(pipeline->hold_over, &patience);
	return event_add(pipeline->ring_readable, NULL);
}

/* ---- */

static void on_turn_wanted(evutil_socket_t fd, short what, void *userdata)
{
	take_turn(userdata);
}

static void on_detached(evutil_socket_t fd, short what, void *userdata)
{
	struct pipeline *pipeline = userdata;

	trace_hear_detached(pipeline->parts.trace);
	take_turn(pipeline);
}

static void on_reports(evutil_socket_t fd, short what, void *userdata)
{
	struct pipeline *pipeline = userdata;

	symbols_hear(pipeline->parts.symbols);
	begin_to_catch_up(pipeline);
}

static void on_tick(evutil_socket_t fd, short what, void *userdata)
{
	struct pipeline *pipeline = userdata;

	symbols_refresh(pipeline->parts.symbols);
	begin_to_catch_up(pipeline);
	lbr_follow_cpus(pipeline->parts.lbr);
	/* Those who wait for losses are not back yet. */
	if (!is_held(pipeline)) {
		attachments_tick(pipeline->parts.attachments);
		state_count(pipeline->parts.state, pipeline->parts.attachments);
		commit(pipeline);
	}
	if (pipeline->counters.malformed > pipeline->malformed_logged) {
		pipeline->malformed_logged = pipeline->counters.malformed;
		log_malformed_record(pipeline->counters.malformed);
	}
}

static int watch_reports(struct pipeline *pipeline)
{
	int fds[MAX_REPORT_FDS];
	size_t n = symbols_get_fds(pipeline->parts.symbols, fds, ARRAY_SIZE(fds));

	pipeline->reports_readable = calloc(n ? n : 1, sizeof(*pipeline->reports_readable));
	if (!pipeline->reports_readable)
		return -ENOMEM;
	for (; pipeline->n_reports < n; pipeline->n_reports++) {
		struct event *event = event_new(pipeline->base, fds[pipeline->n_reports],
				EV_READ | EV_PERSIST, on_reports, pipeline);

		/* Before the records that the reported code could have produced. */
		if (!event || event_priority_set(event, 0) < 0 || event_add(event, NULL) < 0) {
			event_clear(&event);
			return -ENOMEM;
		}
		pipeline->reports_readable[pipeline->n_reports] = event;
	}
	return 0;
}

int pipeline_start(struct pipeline *pipeline, const struct pipeline_parts *parts)
{
	const struct timeval second = {.tv_sec = 1};

	pipeline->parts = *parts;
	pipeline->ring_readable = event_new(pipeline->base, trace_ring_fd(parts->trace),
			EV_READ | EV_PERSIST, on_ring_readable, pipeline);
	pipeline->turn_wanted = event_new(pipeline->base, -1, 0, on_turn_wanted, pipeline);
	pipeline->detached = event_new(pipeline->base, trace_detached_fd(parts->trace),
			EV_READ | EV_PERSIST, on_detached, pipeline);
	pipeline->pause = event_new(pipeline->base, -1, 0, on_pause_over, pipeline);
	pipeline->tick = event_new(pipeline->base, -1, EV_PERSIST, on_tick, pipeline);
	pipeline->hold_over = event_new(pipeline->base, -1, 0, on_hold_over, pipeline);
	pipeline->catch_up = event_new(pipeline->base, -1, 0, on_catch_up, pipeline);
	if (!pipeline->ring_readable || !pipeline->turn_wanted || !pipeline->detached ||
			!pipeline->pause || !pipeline->tick || !pipeline->hold_over ||
			!pipeline->catch_up || begin(pipeline) < 0 ||
			event_add(pipeline->detached, NULL) < 0 ||
			event_add(pipeline->tick, &second) < 0)
		return -ENOMEM;
	return watch_reports(pipeline);
}

void pipeline_want_turn(void *userdata)
{
	struct pipeline *pipeline = userdata;

	event_active(pipeline->turn_wanted, 0, 0);
}

void pipeline_finish(struct pipeline *pipeline)
{
	unsigned int empty = 0;

	trace_wait_detached(pipeline->parts.trace);
	/* An empty turn lets attachments drain that were detaching, the next one ends them. */
	while (attachments_count(pipeline->parts.attachments) > 0 && empty < 2)
		empty = take_turn(pipeline) ? empty + 1 : 0;
}

const struct pipeline_counters *pipeline_count(const struct pipeline *pipeline)
{
	return &pipeline->counters;
}
