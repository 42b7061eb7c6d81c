/* SPDX-License-Identifier: Apache-2.0 */
/* Takes an event apart; its branches are read in event-rows.c. */
#include "client/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/event-rows.h"
#include "common/macro.h"

/* What may be remembered: some 20 MB, more than the ways through any set of programs. */
#define MAX_PLACES 16384
#define MAX_EDGES 32768
#define MAX_TARGETS 1024

/* A target as it was read before. */
struct target {
	struct memo_entry entry;
	struct json_slice name; /* without data or in `bytes` */
	bool is_entry;
	char bytes[]; /* the raw object first */
};

static void remember_target(struct event_reader *reader, struct json_slice raw, size_t size,
			    const struct event *event)
{
	struct target *target = malloc(sizeof(*target) + raw.length + event->target.length);

	/* It is read again when it comes again. */
	if (!target)
		return;
	memcpy(target->bytes, raw.data, raw.length);
	target->entry.bytes = target->bytes;
	target->entry.length = raw.length;
	target->name = event->target;
	if (event->target.data)
		target->name.data = memcpy(target->bytes + raw.length, event->target.data,
					   event->target.length);
	target->is_entry = event->entry;
	memo_add(&reader->targets, &target->entry, raw.data, size);
}

static void release_target(struct memo_entry *entry)
{
	free(container_of(entry, struct target, entry));
}

static void read_target_members(struct json_reader *r, struct event *event)
{
	struct json_slice key, mode;

	/* What is remembered may not depend on what came before. */
	event->target = (struct json_slice){ NULL, 0 };
	event->entry = false;
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

static void read_target(struct event_reader *reader, struct json_reader *r, struct event *event)
{
	struct json_slice raw = { r->position, 0 };
	size_t size = (size_t)(r->end - r->position);
	struct memo_entry *known = memo_find(&reader->targets, raw.data, size);

	if (known) {
		const struct target *target = container_of(known, struct target, entry);

		event->target = target->name;
		event->entry = target->is_entry;
		json_pass(r, known->length);
		return;
	}
	read_target_members(r, event);
	raw.length = (size_t)(r->position - raw.data);
	if (!r->error)
		remember_target(reader, raw, size, event);
}

static void read_return_value(struct json_reader *r, struct event *event)
{
	if (json_pass_null(r))
		return;
	event->has_return_value = json_read_int(r, &event->return_value);
}

static void read_path(struct json_reader *r, struct event *event)
{
	if (!json_pass_null(r))
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
		read_target(reader, r, event);
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

static void forget(struct event_reader *reader)
{
	event_forget_rows(reader);
	memo_clear(&reader->targets, release_target);
}

void event_reader_free(struct event_reader *reader)
{
	if (!reader)
		return;
	forget(reader);
	places_free(reader->places);
	free(reader);
}

struct places *event_reader_places(struct event_reader *reader)
{
	return reader->places;
}

uint64_t event_peek_sequence(const struct json_reader *r)
{
	struct json_reader peek = *r;
	struct json_slice key;
	int64_t sequence = 0;

	json_enter_object(&peek);
	while (json_next_key(&peek, &key) && !json_slice_is(&key, "sequence"))
		json_skip(&peek);
	json_read_int(&peek, &sequence);
	return (uint64_t)sequence;
}

int event_read(struct event_reader *reader, struct json_reader *r, struct event *ret)
{
	struct json_slice key;

	if (places_count(reader->places) > MAX_PLACES || reader->edges.count > MAX_EDGES ||
	    reader->targets.count > MAX_TARGETS)
		forget(reader);
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
