/* SPDX-License-Identifier: Apache-2.0 */
/* The part of reading an event that has to be fast; for event.c only. */
#pragma once

#include <errno.h>

#include "client/event.h"
#include "client/memo.h"

struct event_reader {
	struct places *places;
	struct memo edges;
	struct memo targets;
};

/* Reads the array of Branch that comes next, or null. */
void event_read_rows(struct event_reader *reader, struct json_reader *r, struct event *event);

/* To be called while no place of an event is in use. */
void event_forget_rows(struct event_reader *reader);

/* A string or null, which is a slice without data. Valid as long as the event. */
static inline void read_string(struct json_reader *r, struct event *event,
			       struct json_slice *ret)
{
	char *scratch = event->scratch + event->scratch_length;

	*ret = (struct json_slice){ NULL, 0 };
	if (json_pass_null(r))
		return;
	if (json_read_string(r, scratch, sizeof(event->scratch) - event->scratch_length, ret) &&
	    ret->data == scratch)
		event->scratch_length += ret->length;
}

/* False: null, or an error; a negative number is one. */
static inline bool read_unsigned(struct json_reader *r, uint64_t *ret)
{
	int64_t value = 0;

	if (json_pass_null(r) || !json_read_int(r, &value))
		return false;
	if (value < 0) {
		r->error = -ERANGE;
		return false;
	}
	*ret = (uint64_t)value;
	return true;
}
