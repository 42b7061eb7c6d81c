/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes Event of io.lbrd.varlink, wrapped as the reply of a stream. Most of it is copied: the
 * target was rendered with its source, each location when it was first met.
 */
#include "daemon/api/encoder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/hidden.h"
#include "daemon/api/location-text.h"
#include "daemon/api/path-text.h"
#include "daemon/symbol/path.h"
#include "daemon/symbol/rows.h"
#include "proto/json-writer.h"

struct encoder {
	struct symbols *symbols;
	struct json_writer writer;
	size_t expected; /* room for the next event, which is much like the one before */
	struct rows rows; /* too large for the stack of a busy function */
	struct path path;
	uint64_t clock_read_at; /* CLOCK_MONOTONIC */
	uint64_t clock_offset; /* what to add for nanoseconds since 1970 */
};

int encoder_new(struct symbols *symbols, struct encoder **ret)
{
	struct encoder *encoder = calloc(1, sizeof(*encoder));

	if (!encoder)
		return -ENOMEM;
	encoder->symbols = symbols;
	*ret = encoder;
	return 0;
}

void encoder_free(struct encoder *encoder)
{
	if (!encoder)
		return;
	json_writer_deinit(&encoder->writer);
	free(encoder);
}

static enum view shape_of(enum view view)
{
	return view & ~VIEW_WITHOUT_ADDRESSES;
}

#define MEMBER_INT(w, name, value) (JSON_WRITE_KEY(w, name), json_write_int(w, value))
#define MEMBER_STRING(w, name, value) (JSON_WRITE_KEY(w, name), json_write_cstring(w, value))

/* The wall clock may be set: its distance is measured anew every second of records. */
static uint64_t wall_clock(struct encoder *encoder, uint64_t timestamp)
{
	if (!encoder->clock_offset || timestamp > encoder->clock_read_at + NS_PER_SECOND) {
		encoder->clock_read_at = clock_ns(CLOCK_MONOTONIC);
		encoder->clock_offset = clock_ns(CLOCK_REALTIME) - encoder->clock_read_at;
	}
	return timestamp + encoder->clock_offset;
}

static void write_number(struct json_writer *w, int64_t value, bool hide)
{
	/* Whole registers may hold an address, whatever the type calls it. */
	if (!hide || !is_kernel_address(value))
		MEMBER_INT(w, "returnValue", value);
}

static void write_return_value(struct json_writer *w, const struct target *target, int64_t raw,
		bool hide)
{
	unsigned int unused = target->return_bytes < 8 ? 64 - 8 * target->return_bytes : 0;

	if (target->mode != TRACE_EXIT)
		return;
	if (unused == 64)
		unused = 0; /* the width is not known */
	hide = hide && !unused;
	switch (target->return_kind) {
	case RETURN_NONE:
		break;
	case RETURN_SIGNED:
		/* The bits above the type's width are whatever the register held. */
		write_number(w, (int64_t)((uint64_t)raw << unused) >> unused, hide);
		break;
	case RETURN_UNSIGNED:
		write_number(w, (int64_t)(((uint64_t)raw << unused) >> unused), hide);
		break;
	case RETURN_POINTER:
		if (hide)
			break;
		JSON_WRITE_KEY(w, "returnAddress");
		json_write_address(w, raw);
		break;
	}
}

/* Text of a fixed size, which is quicker to copy than one of any length. */
struct member {
	char text[31];
	uint8_t length;
};

#define MEMBER(text) {text, sizeof(text) - 1}
#define TYPE(text) MEMBER("\"type\":\"" text "\",")

static const struct member branch_types[] = {
	[BRANCH_TYPE_CONDITIONAL] = TYPE("conditional"),
	[BRANCH_TYPE_JUMP] = TYPE("jump"),
	[BRANCH_TYPE_INDIRECT_JUMP] = TYPE("indirectJump"),
	[BRANCH_TYPE_CALL] = TYPE("call"),
	[BRANCH_TYPE_INDIRECT_CALL] = TYPE("indirectCall"),
	[BRANCH_TYPE_RETURN] = TYPE("return"),
	[BRANCH_TYPE_SYSTEM_CALL] = TYPE("systemCall"),
	[BRANCH_TYPE_SYSTEM_RETURN] = TYPE("systemReturn"),
	[BRANCH_TYPE_CONDITIONAL_CALL] = TYPE("conditionalCall"),
	[BRANCH_TYPE_CONDITIONAL_RETURN] = TYPE("conditionalReturn"),
	[BRANCH_TYPE_EXCEPTION_RETURN] = TYPE("exceptionReturn"),
	[BRANCH_TYPE_INTERRUPT] = TYPE("interrupt"),
};

static const struct member predictions[] = {
	MEMBER("\"mispredicted\":false,"), MEMBER("\"mispredicted\":true,"),
};

#define PUT(to, text) mempcpy(to, text, sizeof(text) - 1)
#define ROW_ROOM 256 /* for all of a row but the texts of its ends and the name of a thunk */

static char *put_member(char *to, const struct member *member)
{
	memcpy(to, member->text, sizeof(member->text));
	return to + member->length;
}

static char *put_location(char *to, const struct location *location, bool hide)
{
	if (hide && location->text_length) {
		size_t length;
		const char *text = location_text_behind_address(location, &length);

		*to++ = '{';
		return mempcpy(to, text, length);
	}
	if (hide)
		return PUT(to, "{}");
	if (location->text_length)
		return mempcpy(to, location->text, location->text_length);
	/* Memory was short when it was rendered: the address is what cannot be done without. */
	return to + sprintf(to, "{\"address\":\"0x%" PRIx64 "\"}", location->address);
}

/*
 * Nearly all of an event. Written through a pointer of its own, for the length of the writer would
 * have to be stored and loaded again between any two pieces. As there, each is followed by a comma.
 */
static void write_row(struct json_writer *w, const struct row *row, bool hide)
{
	const struct branch *branch = &row->branch;
	char *at = json_writer_room(w,
			row->from->text_length + row->to->text_length + ROW_ROOM);

	if (!at)
		return;
	at = PUT(at, "{\"from\":");
	at = put_location(at, row->from, hide);
	at = PUT(at, ",\"to\":");
	at = put_location(at, row->to, hide);
	*at++ = ',';
	if (branch->mispredicted || branch->predicted)
		at = put_member(at, &predictions[branch->mispredicted]);
	if (branch->type < ARRAY_SIZE(branch_types))
		at = put_member(at, &branch_types[branch->type]);
	if (row->through && row->through->symbol) {
		json_writer_filled(w, at);
		MEMBER_STRING(w, "through", row->through->symbol);
		at = json_writer_room(w, ROW_ROOM);
		if (!at)
			return;
	}
	/* Last, for it differs where all the others are the same: a client may compare them. */
	if (branch->cycles) {
		at = PUT(at, "\"cycles\":");
		at = json_put_uint(at, branch->cycles);
		*at++ = ',';
	}
	at[-1] = '}';
	*at++ = ',';
	json_writer_filled(w, at);
}

static const struct {
	const char *name;
	const char *text;
} notices[] = {
	[ROWS_NO_TARGET] = {"noTarget",
		"no branch touches the target, so every row is shown"},
	[ROWS_POLLUTED] = {"polluted",
		"an interrupt between the target and the snapshot replaced rows by its own"},
	[ROWS_EMPTY] = {"empty",
		"the CPU delivered no branch record"},
	[ROWS_UNAVAILABLE] = {"unavailable",
		"the kernel refused the snapshot"},
};

static void write_rows(struct json_writer *w, const struct rows *rows, enum view view)
{
	JSON_WRITE_KEY(w, "branches");
	json_begin_array(w);
	for (uint32_t i = 0; i < rows->n_rows; i++)
		write_row(w, &rows->rows[i], view & VIEW_WITHOUT_ADDRESSES);
	json_end_array(w);
	if (shape_of(view) != VIEW_RAW)
		MEMBER_INT(w, "trimmed", rows->trimmed);
	if (rows->notice != ROWS_FINE) {
		MEMBER_STRING(w, "notice", notices[rows->notice].name);
		MEMBER_STRING(w, "noticeText", notices[rows->notice].text);
	}
}

static void write_path(struct encoder *encoder, const struct observation *observation,
		enum path_detail detail, enum view view)
{
	bool hide = view & VIEW_WITHOUT_ADDRESSES;

	if (hide)
		detail |= PATH_WITHOUT_ADDRESSES;
	path_build(encoder->symbols, &observation->snapshot, &observation->source->target,
			&encoder->rows, detail, &encoder->path);
	JSON_WRITE_KEY(&encoder->writer, "path");
	path_text_write(&encoder->writer, &encoder->path, hide);
}

static void write_event(struct encoder *encoder, const struct observation *observation,
		enum view view)
{
	const struct snapshot *snapshot = &observation->snapshot;
	const struct source *source = observation->source;
	struct json_writer *w = &encoder->writer;

	json_begin_object(w);
	MEMBER_INT(w, "sequence", observation->sequence);
	MEMBER_INT(w, "time", wall_clock(encoder, snapshot->timestamp));
	MEMBER_INT(w, "timestamp", snapshot->timestamp);
	JSON_WRITE_KEY(w, "attachments");
	json_begin_array(w);
	for (size_t i = 0; i < observation->n_attachments; i++)
		json_write_int(w, observation->attachments[i]);
	json_end_array(w);
	JSON_WRITE_KEY(w, "target");
	json_write_raw(w, source->json, source->json_length);
	MEMBER_INT(w, "cpu", snapshot->cpu);
	MEMBER_INT(w, "processId", snapshot->pid);
	MEMBER_INT(w, "threadId", snapshot->tid);
	MEMBER_STRING(w, "command", snapshot->comm);
	write_return_value(w, &source->target, snapshot->return_value,
			view & VIEW_WITHOUT_ADDRESSES);
	if (!observation->without_branches) {
		write_rows(w, &encoder->rows, view);
		if (shape_of(view) == VIEW_SOURCE)
			write_path(encoder, observation, PATH_SOURCE, view);
		if (shape_of(view) == VIEW_INSTRUCTIONS)
			write_path(encoder, observation, PATH_INSTRUCTIONS, view);
	}
	json_end_object(w);
}

int encoder_encode(struct encoder *encoder, struct observation *observation, enum view view)
{
	struct json_writer *w = &encoder->writer;
	char *text;
	size_t length;
	int r;

	if (observation->frames[view])
		return 0;
	if (!observation->without_branches)
		rows_build(encoder->symbols, &observation->snapshot, &observation->source->target,
				shape_of(view) == VIEW_RAW, &encoder->rows);
	json_writer_reset(w);
	json_writer_reserve(w, encoder->expected);
	json_begin_object(w);
	JSON_WRITE_KEY(w, "parameters");
	json_begin_object(w);
	JSON_WRITE_KEY(w, "event");
	write_event(encoder, observation, view);
	json_end_object(w);
	JSON_WRITE_KEY(w, "continues");
	json_write_bool(w, true);
	json_end_object(w);
	r = json_writer_take(w, &text, &length);
	if (r < 0)
		return r;
	encoder->expected = length + length / 16;
	return frame_new_take(text, length + 1, &observation->frames[view]);
}
