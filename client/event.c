/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path of lbrctl: some thousand events per second pass here, thirty branches each. Nothing
 * is allocated but for a location that was never seen before.
 */
#include "client/event.h"

#include <errno.h>
#include <string.h>

#include "common/macro.h"

static const struct {
	const char *name, *in_short;
} types[] = {
	{ "conditional", "cond" },
	{ "jump", "jump" },
	{ "indirectJump", "ijump" },
	{ "call", "call" },
	{ "indirectCall", "icall" },
	{ "return", "ret" },
	{ "systemCall", "syscall" },
	{ "systemReturn", "sysret" },
	{ "conditionalCall", "ccall" },
	{ "conditionalReturn", "cret" },
	{ "exceptionReturn", "eret" },
	{ "interrupt", "irq" },
};

static bool is_null(struct json_reader *r)
{
	return json_peek(r) == JSON_KIND_NULL && json_read_null(r);
}

static void read_string(struct json_reader *r, struct event *event, struct json_slice *ret)
{
	char *scratch = event->scratch + event->scratch_length;

	*ret = (struct json_slice){ NULL, 0 };
	if (is_null(r))
		return;
	if (json_read_string(r, scratch, sizeof(event->scratch) - event->scratch_length, ret) &&
	    ret->data == scratch)
		event->scratch_length += ret->length;
}

static bool read_unsigned(struct json_reader *r, uint64_t *ret)
{
	int64_t value = 0;

	if (is_null(r) || !json_read_int(r, &value))
		return false;
	if (value < 0) {
		r->error = -ERANGE;
		return false;
	}
	*ret = (uint64_t)value;
	return true;
}

static void read_facts(struct json_reader *r, struct event *event, struct place_facts *facts)
{
	struct json_slice key;

	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "address"))
			read_string(r, event, &facts->address);
		else if (json_slice_is(&key, "symbol"))
			read_string(r, event, &facts->symbol);
		else if (json_slice_is(&key, "offset"))
			facts->has_offset = read_unsigned(r, &facts->offset);
		else if (json_slice_is(&key, "module"))
			read_string(r, event, &facts->module);
		else if (json_slice_is(&key, "file"))
			read_string(r, event, &facts->file);
		else if (json_slice_is(&key, "line"))
			read_unsigned(r, &facts->line);
		else
			json_skip(r);
	}
	if (!r->error && !facts->address.data)
		r->error = -EBADMSG;
}

static struct place *read_place(struct json_reader *r, struct places *places, struct event *event)
{
	struct place_facts facts = { 0 };
	size_t used = event->scratch_length, length;
	struct json_slice raw;
	struct place *place;

	if (json_peek(r) != JSON_KIND_OBJECT) {
		json_enter_object(r);
		return NULL;
	}
	place = places_find(places, r->position, (size_t)(r->end - r->position), &length);
	if (place) {
		json_pass(r, length);
		return place;
	}
	raw.data = r->position;
	read_facts(r, event, &facts);
	event->scratch_length = used;
	if (r->error)
		return NULL;
	raw.length = (size_t)(r->position - raw.data);
	place = places_add(places, raw, &facts);
	if (!place)
		r->error = -ENOMEM;
	return place;
}

/* A type that is not known, of a newer lbrd, is shown as none. */
static const char *read_type(struct json_reader *r)
{
	struct json_slice name;

	if (is_null(r) || !json_read_raw_string(r, &name))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (json_slice_equal(&name, types[i].name, strlen(types[i].name)))
			return types[i].in_short;
	return NULL;
}

static void read_row(struct json_reader *r, struct places *places, struct event *event,
		     struct event_row *row)
{
	struct json_slice key;
	uint64_t cycles = 0;

	*row = (struct event_row){ NULL };
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "from")) {
			row->from = read_place(r, places, event);
		} else if (json_slice_is(&key, "to")) {
			row->to = read_place(r, places, event);
		} else if (json_slice_is(&key, "mispredicted")) {
			if (!is_null(r))
				json_read_bool(r, &row->mispredicted);
		} else if (json_slice_is(&key, "type")) {
			row->type = read_type(r);
		} else if (json_slice_is(&key, "cycles")) {
			row->has_cycles = read_unsigned(r, &cycles);
			row->cycles = (uint32_t)MIN(cycles, (uint64_t)UINT32_MAX);
		} else {
			json_skip(r);
		}
	}
	if (!r->error && (!row->from || !row->to))
		r->error = -EBADMSG;
}

static void read_rows(struct json_reader *r, struct places *places, struct event *event)
{
	if (is_null(r))
		return;
	json_enter_array(r);
	while (json_next_element(r)) {
		if (event->n_rows == EVENT_MAX_ROWS) {
			r->error = -ERANGE;
			return;
		}
		read_row(r, places, event, &event->rows[event->n_rows++]);
	}
}

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
	if (is_null(r))
		return;
	event->has_return_value = json_read_int(r, &event->return_value);
}

static void read_member(struct json_reader *r, const struct json_slice *key,
			struct places *places, struct event *event)
{
	if (json_slice_is(key, "branches"))
		read_rows(r, places, event);
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
	else if (json_slice_is(key, "noticeText"))
		read_string(r, event, &event->notice);
	else
		json_skip(r);
}

int event_read(struct json_reader *r, struct places *places, struct event *ret)
{
	struct json_slice key;

	/* Not the arrays at the end: they are written before they are read. */
	memset(ret, 0, offsetof(struct event, rows));
	ret->scratch_length = 0;
	json_enter_object(r);
	while (json_next_key(r, &key))
		read_member(r, &key, places, ret);
	if (!r->error && (!ret->target.data || !ret->command.data))
		r->error = -EBADMSG;
	return r->error;
}
