/* SPDX-License-Identifier: Apache-2.0 */
/* One event of the stream, its members taken apart but not copied. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/place.h"

/* No CPU records more than 64; what has more than this, and needs three digits, is not an event. */
#define EVENT_MAX_ROWS 100

struct event_row {
	struct place *from;
	struct place *to;
	const char *type; /* in short; NULL: not said */
	uint8_t type_width; /* columns and bytes of it */
	uint32_t cycles;
	bool has_cycles;
	bool mispredicted;
};

/*
 * Strings are unescaped but not sanitized; one without data is absent. Valid until the next message
 * is read.
 */
struct event {
	uint64_t sequence;
	uint64_t time; /* nanoseconds since 1970 */
	struct json_slice target;
	bool entry;
	uint64_t cpu;
	uint64_t pid;
	uint64_t tid;
	struct json_slice command;
	bool has_return_value;
	int64_t return_value;
	struct json_slice return_address;
	struct json_slice notice;
	struct json_slice path; /* the array of PathStep as it stands in the message; see path.h */
	size_t n_rows;
	struct event_row rows[EVENT_MAX_ROWS]; /* newest first */
	/* Where strings with escapes are unescaped to. */
	size_t scratch_length;
	char scratch[16384];
};

/* What earlier events taught: it makes reading the next one cheap. */
struct event_reader;

/* `terminal` is what the places in the events are rendered for. -ENOMEM. */
int event_reader_new(const struct terminal *terminal, struct event_reader **ret);
void event_reader_free(struct event_reader *reader);

/* For place_label_within() with the places of the events. */
struct places *event_reader_places(struct event_reader *reader);

/* The number of the event that comes next, which is not read. 0: it has none. */
uint64_t event_peek_sequence(const struct json_reader *r);

/*
 * Reads the object Event of io.lbrd that comes next; members that are not known are skipped. The
 * places of earlier events may be gone afterwards. 0; -ENOMEM, or what the reader found wrong.
 */
int event_read(struct event_reader *reader, struct json_reader *r, struct event *ret);
