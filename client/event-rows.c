/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path of lbrctl: some thousand events per second pass here, thirty branches each. Nothing
 * is allocated but for a branch that was never seen before.
 *
 * The rule that this rests on: what is remembered was read from bytes that say where they end, so
 * the same bytes mean the same again, whatever follows.
 */
#include "client/event-rows.h"

#include <stdlib.h>
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

/*
 * A Branch as it was read before. Cycles are seldom twice the same, so that of a Branch with these
 * only what stands before their number is remembered, their key included.
 */
struct edge {
	struct memo_entry entry;
	struct event_row row;
	bool whole;
	char bytes[];
};

/* The innermost of the inlined functions stands first, and is what a row has room for. */
static void read_inlined(struct json_reader *r, struct event *event, struct place_facts *facts)
{
	struct json_slice key;

	if (json_pass_null(r))
		return;
	json_enter_array(r);
	while (json_next_element(r)) {
		if (facts->inlined.data) {
			json_skip(r);
			continue;
		}
		json_enter_object(r);
		while (json_next_key(r, &key)) {
			if (json_slice_is(&key, "function"))
				read_string(r, event, &facts->inlined);
			else if (json_slice_is(&key, "file"))
				read_string(r, event, &facts->file);
			else if (json_slice_is(&key, "line"))
				read_unsigned(r, &facts->line);
			else
				json_skip(r);
		}
	}
}

/* An inlined function says where the code is; the symbol's own only where that one is called. */
static void prefer_inlined(const struct place_facts *inlined, struct place_facts *facts)
{
	if (!inlined->inlined.data)
		return;
	facts->inlined = inlined->inlined;
	facts->file = inlined->file;
	facts->line = inlined->line;
}

static void read_facts(struct json_reader *r, struct event *event, struct place_facts *facts)
{
	struct place_facts inlined = { 0 };
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
		else if (json_slice_is(&key, "inlined"))
			read_inlined(r, event, &inlined);
		else
			json_skip(r);
	}
	prefer_inlined(&inlined, facts);
	/* Nobody knows a name, and the address is not for us. */
	if (!facts->address.data)
		facts->address = (struct json_slice){ "?", 1 };
}

static struct place *read_place(struct event_reader *reader, struct json_reader *r,
				struct event *event)
{
	struct place_facts facts = { 0 };
	size_t used = event->scratch_length, length, size;
	struct json_slice raw;
	struct place *place;

	raw.data = r->position;
	size = (size_t)(r->end - r->position);
	place = places_find(reader->places, raw.data, size, &length);
	if (place) {
		json_pass(r, length);
		return place;
	}
	read_facts(r, event, &facts);
	event->scratch_length = used;
	if (r->error)
		return NULL;
	raw.length = (size_t)(r->position - raw.data);
	place = places_add(reader->places, raw, size, &facts);
	if (!place)
		r->error = -ENOMEM;
	return place;
}

/* A type that is not known, of a newer lbrd, is shown as none. */
static void read_type(struct json_reader *r, struct event_row *row)
{
	struct json_slice name;

	if (json_pass_null(r) || !json_read_raw_string(r, &name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!json_slice_equal(&name, types[i].name, strlen(types[i].name)))
			continue;
		row->type = types[i].in_short;
		row->type_width = (uint8_t)strlen(row->type);
	}
}

/* Passes what is known of the Branch that comes next. NULL: nothing is. */
static const struct edge *pass_known(struct event_reader *reader, struct json_reader *r)
{
	struct memo_entry *entry =
		memo_find(&reader->edges, r->position, (size_t)(r->end - r->position));

	if (!entry)
		return NULL;
	json_pass(r, entry->length);
	return container_of(entry, struct edge, entry);
}

static void remember(struct event_reader *reader, const struct json_reader *r,
		     struct json_slice bytes, const struct event_row *row, bool whole)
{
	struct edge *edge = malloc(sizeof(*edge) + bytes.length);

	/* It is read again when it comes again. */
	if (!edge)
		return;
	edge->row = *row;
	edge->whole = whole;
	memcpy(edge->bytes, bytes.data, bytes.length);
	edge->entry.bytes = edge->bytes;
	edge->entry.length = bytes.length;
	memo_add(&reader->edges, &edge->entry, bytes.data, (size_t)(r->end - bytes.data));
}

static void read_cycles(struct json_reader *r, struct event_row *row)
{
	uint64_t cycles = 0;

	row->has_cycles = read_unsigned(r, &cycles);
	row->cycles = (uint32_t)MIN(cycles, (uint64_t)UINT32_MAX);
}

static void read_row_member(struct event_reader *reader, struct json_reader *r,
			    const struct json_slice *key, struct event *event,
			    struct event_row *row)
{
	if (json_slice_is(key, "from")) {
		row->from = read_place(reader, r, event);
	} else if (json_slice_is(key, "to")) {
		row->to = read_place(reader, r, event);
	} else if (json_slice_is(key, "mispredicted")) {
		if (!json_pass_null(r))
			json_read_bool(r, &row->mispredicted);
	} else if (json_slice_is(key, "type")) {
		read_type(r, row);
	} else if (json_slice_is(key, "cycles")) {
		read_cycles(r, row);
	} else {
		json_skip(r);
	}
}

/*
 * The members up to the end of the Branch, which begins at `start`. When there are cycles, what
 * stands before their number is *ret_beginning, which means *ret_begun.
 */
static void read_row_members(struct event_reader *reader, struct json_reader *r,
			     struct event *event, struct event_row *row, const char *start,
			     struct json_slice *ret_beginning, struct event_row *ret_begun)
{
	struct json_slice key;

	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "cycles") && !ret_beginning->data) {
			*ret_beginning =
				(struct json_slice){ start, (size_t)(r->position - start) };
			*ret_begun = *row;
		}
		read_row_member(reader, r, &key, event, row);
	}
	if (!r->error && (!row->from || !row->to))
		r->error = -EBADMSG;
}

static void read_row(struct event_reader *reader, struct json_reader *r, struct event *event,
		     struct event_row *row)
{
	struct json_slice bytes, beginning = { NULL, 0 };
	struct event_row begun = { NULL };
	const struct edge *edge;

	bytes.data = r->position;
	edge = pass_known(reader, r);
	*row = edge ? edge->row : (struct event_row){ NULL };
	if (edge && edge->whole)
		return;
	if (edge)
		read_cycles(r, row);
	else
		json_enter_object(r);
	read_row_members(reader, r, event, row, bytes.data, &beginning, &begun);
	if (r->error || edge)
		return;
	bytes.length = (size_t)(r->position - bytes.data);
	if (!row->has_cycles)
		remember(reader, r, bytes, row, true);
	else if (begun.from && begun.to)
		remember(reader, r, beginning, &begun, false);
}

void event_read_rows(struct event_reader *reader, struct json_reader *r, struct event *event)
{
	if (json_pass_null(r))
		return;
	json_enter_array(r);
	while (json_next_element(r)) {
		if (event->n_rows == EVENT_MAX_ROWS) {
			r->error = -ERANGE;
			return;
		}
		read_row(reader, r, event, &event->rows[event->n_rows++]);
	}
}

static void release(struct memo_entry *entry)
{
	free(container_of(entry, struct edge, entry));
}

void event_forget_rows(struct event_reader *reader)
{
	memo_clear(&reader->edges, release);
	places_forget(reader->places);
}
