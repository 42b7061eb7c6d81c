/* SPDX-License-Identifier: Apache-2.0 */
/* An allocation-free pull reader over one JSON text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/scan.h"

/*
 * The caller walks the text and says what it expects:
 *
 *	json_reader_init(&r, data, length);
 *	json_enter_object(&r);
 *	while (json_next_key(&r, &key)) {
 *		if (json_slice_is(&key, "cpu"))
 *			json_read_int(&r, &cpu);
 *		else
 *			json_skip(&r);
 *	}
 *	return json_finish(&r);
 *
 * After each key, and after each true json_next_element(), exactly one value is read, entered or
 * skipped. The first thing that is not as expected sets `error` (-EBADMSG, -ERANGE, -ENOBUFS);
 * from there on every call returns false, so that one look at the end is enough. Whatever the
 * bytes are, nothing outside of them is read and every loop ends.
 */
struct json_reader {
	const char *position, *end;
	bool after_value; /* a comma or a closing bracket must come next */
	int error;
};

/* Borrowed from the text, not NUL-terminated. */
struct json_slice {
	const char *data;
	size_t length;
};

enum json_kind {
	JSON_KIND_INVALID, /* nothing that begins a value, or an error before */
	JSON_KIND_OBJECT,
	JSON_KIND_ARRAY,
	JSON_KIND_STRING,
	JSON_KIND_NUMBER,
	JSON_KIND_BOOL,
	JSON_KIND_NULL,
};

void json_reader_init(struct json_reader *r, const char *data, size_t length);

/* What the next value is, without reading it. */
enum json_kind json_peek(struct json_reader *r);

bool json_enter_object(struct json_reader *r);
/* False at the end of the object, which is then behind, or on error. The key is not unescaped. */
static inline bool json_next_key(struct json_reader *r, struct json_slice *ret);
bool json_enter_array(struct json_reader *r);
/* False at the end of the array, which is then behind, or on error. */
static inline bool json_next_element(struct json_reader *r);

/* The text between the quotes, escapes and all; see json_unescape(). Not checked for UTF-8. */
static inline bool json_read_raw_string(struct json_reader *r, struct json_slice *ret);
/*
 * A string: a slice of the text when there is nothing to unescape, else unescaped into `buffer`,
 * -ENOBUFS when it does not fit (as many bytes as the text has always do).
 */
static inline bool json_read_string(struct json_reader *r, char *buffer, size_t size,
				    struct json_slice *ret);
/* An integer; -ERANGE outside of 64 bits; a fraction or an exponent is -EBADMSG. */
bool json_read_int(struct json_reader *r, int64_t *ret);
/* A number's text, well-formed by RFC 8259; *ret_integer: neither fraction nor exponent. */
bool json_read_number(struct json_reader *r, struct json_slice *ret, bool *ret_integer);
bool json_read_bool(struct json_reader *r, bool *ret);
bool json_read_null(struct json_reader *r);
/* Whether the next value is null, which is then behind; if not, nothing is. */
static inline bool json_pass_null(struct json_reader *r);
/* Passes one value of any kind. Fast: inside of it only strings and brackets are looked at. */
bool json_skip(struct json_reader *r);
/* Like json_skip(), and returns the text of the value. */
bool json_read_raw(struct json_reader *r, struct json_slice *ret);

/*
 * Passes the next value, which begins at `position` and is known to be `length` bytes long: because
 * those bytes are the same as of a value that was read before, say.
 */
static inline void json_pass(struct json_reader *r, size_t length)
{
	r->position += length;
	r->after_value = true;
}

/* 0 when the whole text was read without error and nothing but white space is left. */
int json_finish(struct json_reader *r);

/*
 * Undoes the escapes of a string's raw text. Half a surrogate pair becomes U+FFFD. Returns the
 * number of bytes written, -EBADMSG for an unknown escape, -ENOBUFS when `size` is too small
 * (`length` is always enough). `buffer` may not overlap `text`.
 */
ptrdiff_t json_unescape(const char *text, size_t length, char *buffer, size_t size);

static inline bool json_slice_equal(const struct json_slice *slice, const char *text, size_t length)
{
	return slice->length == length && memcmp(slice->data, text, length) == 0;
}

/* With a literal the comparison costs a few instructions. */
#define json_slice_is(slice, literal) json_slice_equal(slice, literal, sizeof(literal) - 1)

/* ---- inside of the above: the short way of the functions that read most of an event ---- */

/* The byte behind the container that starts at `p`; NULL when it has no end. */
const char *json_container_end(const char *p, const char *end);
bool json_next_element_any(struct json_reader *r);
bool json_pass_null_any(struct json_reader *r);
bool json_next_key_any(struct json_reader *r, struct json_slice *ret);
bool json_read_raw_string_any(struct json_reader *r, struct json_slice *ret);
bool json_read_string_any(struct json_reader *r, char *buffer, size_t size,
			  struct json_slice *ret);

/* A string whose text and closing quote lie within one block at `p`; then its length, else -1. */
static inline int json_short_string(const char *p, const char *end)
{
	unsigned int n;

	if (end - p <= SCAN_WIDTH + 2 || *p != '"')
		return -1;
	n = scan_block_for_string_end(p + 1);
	return n < SCAN_WIDTH && p[n + 1] == '"' ? (int)n : -1;
}

static inline bool json_pass_null(struct json_reader *r)
{
	/* A value that begins here with another letter. */
	if (r->position < r->end && *r->position > ' ' && *r->position != 'n')
		return false;
	return json_pass_null_any(r);
}

static inline bool json_next_element(struct json_reader *r)
{
	if (!r->after_value || r->position == r->end || *r->position != ',')
		return json_next_element_any(r);
	r->position++;
	r->after_value = false;
	return true;
}

static inline bool json_next_key(struct json_reader *r, struct json_slice *ret)
{
	const char *p = r->position;
	int n;

	if (r->after_value && p < r->end && *p == ',') {
		p++;
	} else if (r->after_value && p < r->end && *p == '}') {
		r->position++;
		return false;
	} else if (r->after_value) {
		return json_next_key_any(r, ret);
	}
	n = json_short_string(p, r->end);
	if (n < 0 || p[n + 2] != ':')
		return json_next_key_any(r, ret);
	*ret = (struct json_slice){ p + 1, n };
	r->position = p + n + 3;
	r->after_value = false;
	return true;
}

static inline bool json_read_short_string(struct json_reader *r, struct json_slice *ret)
{
	const char *p = r->position;
	int n = json_short_string(p, r->end);

	if (n < 0)
		return false;
	*ret = (struct json_slice){ p + 1, n };
	r->position = p + n + 2;
	r->after_value = true;
	return true;
}

static inline bool json_read_raw_string(struct json_reader *r, struct json_slice *ret)
{
	return json_read_short_string(r, ret) || json_read_raw_string_any(r, ret);
}

static inline bool json_read_string(struct json_reader *r, char *buffer, size_t size,
				    struct json_slice *ret)
{
	return json_read_short_string(r, ret) || json_read_string_any(r, buffer, size, ret);
}
