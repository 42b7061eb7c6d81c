/* SPDX-License-Identifier: Apache-2.0 */
/* An event as people read it: who and when, then the way that the CPU went, oldest branch first. */
#pragma once

#include "client/event.h"
#include "client/losses.h"
#include "client/output.h"
#include "client/render-path.h"
#include "client/render-rows.h"
#include "client/terminal.h"

struct event_renderer {
	const struct terminal *terminal;
	/* What was written last: it decides on a blank line before the next. */
	enum { LAST_NOTHING, LAST_LINE, LAST_BLOCK, LAST_LOSS } last;
	/* The clock text of the second `clock_second`, for events come many in a second. */
	int64_t clock_second;
	char clock[16];
	size_t clock_length;
	struct row_renderer rows;
	struct path_renderer path;
};

void event_renderer_init(struct event_renderer *renderer, const struct terminal *terminal,
			 const struct places *places);

void event_renderer_deinit(struct event_renderer *renderer);

/*
 * With its path, if it has one, else with its branches. -ENOMEM. No line is wider than the
 * terminal.
 */
int render_event(struct event_renderer *renderer, const struct event *event, struct output *out);

/* A line that says how many events are missing here, and why. */
void render_lost(struct event_renderer *renderer, const struct lost *lost, struct output *out);
