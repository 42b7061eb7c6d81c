/* SPDX-License-Identifier: Apache-2.0 */
/* The branches of an event as aligned rows, oldest first. */
#pragma once

#include "client/event.h"
#include "client/output.h"
#include "client/terminal.h"

/* A piece of text that is the same in many rows, with its colour. */
struct fragment {
	size_t length;
	char text[24];
};

enum bar {
	BAR_NONE,
	BAR_FIRST,
	BAR_MIDDLE,
	BAR_LAST,
	BAR_COUNT,
};

struct row_renderer {
	const struct terminal *terminal;
	const struct places *places;
	struct fragment beginnings[BAR_COUNT][EVENT_MAX_ROWS]; /* "| [#07] " */
	struct fragment arrow, miss, bold, dim, normal;
};

/* `places` is what the places of the events come from. Both must outlive it. */
void row_renderer_init(struct row_renderer *renderer, const struct terminal *terminal,
		       const struct places *places);

/* -ENOMEM; -EMSGSIZE: a name is longer than the output's buffer. */
int render_rows(const struct row_renderer *renderer, const struct event *event,
		struct output *out);
