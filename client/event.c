/* SPDX-License-Identifier: Apache-2.0 */
/* Takes an event apart; its branches are read in event-rows.c. */
#include "client/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/event-rows.h"

/* What may be remembered: some 20 MB, more than the ways through any set of programs. */
#define MAX_PLACES 16384
#define MAX_EDGES 32768

static void read_target(struct json_reader *r, struct event *event)
{
	struct json_slice key, mode;

	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "name")) {
			read_string(r, event, &event->target);
		} else if (json_slice_is(&key, "mode")) {
			if (json_read_raw_string(r, &mode))
				event->entry = json_slice_is(&mode, "entry");
		} else {
			json_skip(r);
		}
	}
}

static void read_return_value(struct json_reader *r, struct event *event)
{
	if (read_null(r))
		return;
	event->has_return_value = json_read_int(r, &event->return_value);
}

static void read_path(struct json_reader *r, struct event *event)
{
	if (!read_null(r))
		json_read_raw(r, &event->path);
}

static void read_member(struct event_reader *reader, struct json_reader *r,
			const struct json_slice *key, struct event *event)
{
	if (json_slice_is(key, "branches"))
		event_read_rows(reader, r, event);
	else if (json_slice_is(key, "sequence"))
		read_unsigned(r, &event->sequence);
	else if (json_slice_is(key, "time"))
		read_unsigned(r, &event->time);
	else if (json_slice_is(key, "target"))
		read_target(r, event);
	else if (json_slice_is(key, "cpu"))
		read_unsigned(r, &event->cpu);
	else if (json_slice_is(key, "processId"))
		read_unsigned(r, &event->pid);
	else if (json_slice_is(key, "threadId"))
		read_unsigned(r, &event->tid);
	else if (json_slice_is(key, "command"))
		read_string(r, event, &event->command);
	else if (json_slice_is(key, "returnValue"))
		read_return_value(r, event);
	else if (json_slice_is(key, "returnAddress"))
		read_string(r, event, &event->return_address);
	else if (json_slice_is(key, "path"))
		read_path(r, event);
	else if (json_slice_is(key, "noticeText"))
		read_string(r, event, &event->notice);
	else
		json_skip(r);
}

int event_reader_new(const struct terminal *terminal, struct event_reader **ret)
{
	struct event_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	r = places_new(terminal, &reader->places);
	if (r < 0) {
		free(reader);
		return r;
	}
	*ret = reader;
	return 0;
}

void event_reader_free(struct event_reader *reader)
{
	if (!reader)
		return;
	event_forget_rows(reader);
	places_free(reader->places);
	free(reader);
}

struct places *event_reader_places(struct event_reader *reader)
{
	return reader->places;
}

int event_read(struct event_reader *reader, struct json_reader *r, struct event *ret)
{
	struct json_slice key;

	if (places_count(reader->places) > MAX_PLACES || reader->edges.count > MAX_EDGES)
		event_forget_rows(reader);
	/* Not the arrays at the end: they are written before they are read. */
	memset(ret, 0, offsetof(struct event, rows));
	ret->scratch_length = 0;
	json_enter_object(r);
	while (json_next_key(r, &key))
		read_member(reader, r, &key, ret);
	if (!r->error && (!ret->target.data || !ret->command.data))
		r->error = -EBADMSG;
	return r->error;
}
