/* SPDX-License-Identifier: Apache-2.0 */
/* A streaming JSON writer into a growing buffer, made for thousands of events per second. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Commas take care of themselves. Whoever calls sees to it that an object holds keys each followed
 * by one value, and that what was begun is ended. Running out of memory is remembered and reported
 * once, by json_writer_finish(); every call is safe after it.
 */
struct json_writer {
	char *data;
	size_t length, capacity;
	int error;
};

#define JSON_WRITER_INIT ((struct json_writer){ 0 })

/* Frees the buffer; the writer can be used again. */
void json_writer_deinit(struct json_writer *w);

/* Makes room for `room` bytes more. False when memory ran out: nothing may be written then. */
bool json_writer_grow(struct json_writer *w, size_t room);

/* Forgets the content, keeps the buffer. */
static inline void json_writer_reset(struct json_writer *w)
{
	w->length = 0;
	w->error = 0;
}

/*
 * The text written so far, borrowed until the writer is used again. It is followed by a NUL byte
 * that `ret_length` does not count: *ret_length + 1 bytes are a whole Varlink message. -ENOMEM.
 */
int json_writer_finish(struct json_writer *w, const char **ret, size_t *ret_length);

/*
 * The same text, for the caller to free(), in a buffer of little more than its size; the writer
 * begins the next one with a new buffer. -ENOMEM.
 */
int json_writer_take(struct json_writer *w, char **ret, size_t *ret_length);

static inline bool json_writer_reserve(struct json_writer *w, size_t room)
{
	return __builtin_expect(w->capacity - w->length >= room, 1) || json_writer_grow(w, room);
}

/*
 * Room for `room` bytes, to be filled by the caller with what json_write_raw() would write, commas
 * included, and the end of it to be told. NULL: memory ran out.
 */
static inline char *json_writer_room(struct json_writer *w, size_t room)
{
	return json_writer_reserve(w, room) ? w->data + w->length : NULL;
}

static inline void json_writer_filled(struct json_writer *w, const char *end)
{
	w->length = end - w->data;
}

/*
 * Pre-rendered text: one whole value, one or more `"key":value` members, or several values, without
 * a comma at either end. Not checked. `length` > 0.
 */
static inline void json_write_raw(struct json_writer *w, const char *text, size_t length)
{
	if (!json_writer_reserve(w, length + 1))
		return;
	memcpy(w->data + w->length, text, length);
	w->data[w->length + length] = ',';
	w->length += length + 1;
}

static inline void json_writer_begin(struct json_writer *w, char bracket)
{
	if (json_writer_reserve(w, 1))
		w->data[w->length++] = bracket;
}

static inline void json_writer_end(struct json_writer *w, char bracket)
{
	if (!json_writer_reserve(w, 2))
		return;
	/* Every value leaves a comma behind it: the last one makes way for the bracket. */
	if (w->length > 0 && w->data[w->length - 1] == ',')
		w->length--;
	w->data[w->length] = bracket;
	w->data[w->length + 1] = ',';
	w->length += 2;
}

static inline void json_begin_object(struct json_writer *w)
{
	json_writer_begin(w, '{');
}

static inline void json_end_object(struct json_writer *w)
{
	json_writer_end(w, '}');
}

static inline void json_begin_array(struct json_writer *w)
{
	json_writer_begin(w, '[');
}

static inline void json_end_array(struct json_writer *w)
{
	json_writer_end(w, ']');
}

/* A key that needs no escaping, quotes and colon included: use JSON_WRITE_KEY(). */
static inline void json_write_key_raw(struct json_writer *w, const char *text, size_t length)
{
	if (!json_writer_reserve(w, length))
		return;
	memcpy(w->data + w->length, text, length);
	w->length += length;
}

/* `name` is a string literal without anything to escape. */
#define JSON_WRITE_KEY(w, name) json_write_key_raw(w, "\"" name "\":", sizeof("\"" name "\":") - 1)

/* A key that is not known before. */
void json_write_key(struct json_writer *w, const char *name, size_t length);

/* Bytes that are not UTF-8 become U+FFFD, one each. */
void json_write_string(struct json_writer *w, const char *text, size_t length);
void json_write_cstring(struct json_writer *w, const char *text);
void json_write_int(struct json_writer *w, int64_t value);
/* The string "0x…" in lower case without leading zeros. */
void json_write_address(struct json_writer *w, uint64_t address);

/* Digits only, 20 at most, for json_writer_room(). Returns their end. */
char *json_put_uint(char *to, uint64_t value);

static inline void json_write_bool(struct json_writer *w, bool value)
{
	if (value)
		json_write_raw(w, "true", 4);
	else
		json_write_raw(w, "false", 5);
}

static inline void json_write_null(struct json_writer *w)
{
	json_write_raw(w, "null", 4);
}
