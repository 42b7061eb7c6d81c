/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded buffer in front of a file descriptor: one write(2) per batch, no allocation. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Two batches of events as lbrctl reads them fit; a fuller buffer is written out in between. */
#define OUTPUT_SIZE (256 * 1024)

struct output {
	int fd;
	int error; /* the first errno that writing met, 0: none; nothing is written after it */
	size_t length;
	char data[OUTPUT_SIZE];
};

void output_init(struct output *out, int fd);

/* Writes what is buffered. 0, or the negative errno of the first write that failed (-EPIPE …). */
int output_flush(struct output *out);

/* Room for `size` bytes (at most OUTPUT_SIZE) in one piece; to be followed by output_commit(). */
static inline char *output_reserve(struct output *out, size_t size)
{
	if (size > OUTPUT_SIZE - out->length)
		output_flush(out);
	return out->data + out->length;
}

static inline void output_commit(struct output *out, size_t length)
{
	out->length += length;
}

/* The slow half of output_append(): any length, written in pieces. */
void output_append_long(struct output *out, const char *data, size_t length);

static inline void output_append(struct output *out, const char *data, size_t length)
{
	if (length > OUTPUT_SIZE - out->length) {
		output_append_long(out, data, length);
		return;
	}
	memcpy(out->data + out->length, data, length);
	out->length += length;
}

static inline void output_string(struct output *out, const char *text)
{
	output_append(out, text, strlen(text));
}

/*
 * Appends JSON as it came, but that control characters become blanks: between its words they are
 * no more than that, and what has them elsewhere is no JSON, but might be meant for a terminal.
 */
void output_append_json(struct output *out, const char *data, size_t length);

void output_spaces(struct output *out, size_t count);

__attribute__((format(printf, 2, 3))) void output_printf(struct output *out, const char *format,
							 ...);
