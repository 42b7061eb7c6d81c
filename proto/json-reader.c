/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader keeps no stack: which container it is in is known to the caller, who asks for a key
 * or an element. The rule that must not break: `position` moves forward only, never beyond `end`,
 * and every byte is looked at only after it was compared with `end`.
 */
#include "proto/json-reader.h"

#include <errno.h>

#include "common/macro.h"
#include "proto/utf8.h"

#define ONES 0x0101010101010101ull
#define HIGH_BITS 0x8080808080808080ull

static bool fail(struct json_reader *r, int error)
{
	if (!r->error)
		r->error = error;
	return false;
}

void json_reader_init(struct json_reader *r, const char *data, size_t length)
{
	*r = (struct json_reader){ .position = data, .end = data + length };
}

/* The next byte that is not white space, not consumed; 0 at the end, where JSON has no NUL. */
static inline char peek_byte(struct json_reader *r)
{
	while (r->position < r->end) {
		char c = *r->position;

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return c;
		r->position++;
	}
	return 0;
}

enum json_kind json_peek(struct json_reader *r)
{
	if (r->error)
		return JSON_KIND_INVALID;
	switch (peek_byte(r)) {
	case '{':
		return JSON_KIND_OBJECT;
	case '[':
		return JSON_KIND_ARRAY;
	case '"':
		return JSON_KIND_STRING;
	case '-':
	case '0' ... '9':
		return JSON_KIND_NUMBER;
	case 't':
	case 'f':
		return JSON_KIND_BOOL;
	case 'n':
		return JSON_KIND_NULL;
	default:
		return JSON_KIND_INVALID;
	}
}

static bool enter(struct json_reader *r, char bracket)
{
	if (r->error || peek_byte(r) != bracket)
		return fail(r, -EBADMSG);
	r->position++;
	r->after_value = false;
	return true;
}

bool json_enter_object(struct json_reader *r)
{
	return enter(r, '{');
}

bool json_enter_array(struct json_reader *r)
{
	return enter(r, '[');
}

/* To the next member of a container: past the comma where one is due. False at its end. */
static inline bool next_member(struct json_reader *r, char closing)
{
	char c;

	if (r->error)
		return false;
	c = peek_byte(r);
	if (!c)
		return fail(r, -EBADMSG);
	if (c == closing) {
		r->position++;
		r->after_value = true;
		return false;
	}
	if (r->after_value) {
		if (c != ',')
			return fail(r, -EBADMSG);
		r->position++;
		r->after_value = false;
	}
	return true;
}

bool json_next_element(struct json_reader *r)
{
	return next_member(r, ']');
}

/* From behind an opening quote to the next quote or backslash; `end` when there is none. */
static inline const char *find_string_special(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t x, quote, backslash;

		memcpy(&x, p, 8);
		quote = x ^ ONES * '"';
		backslash = x ^ ONES * '\\';
		if ((((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash)) & HIGH_BITS)
			break;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* The closing quote of the string whose text starts at `p`; NULL when there is none. */
static inline const char *find_string_end(const char *p, const char *end)
{
	for (;;) {
		p = find_string_special(p, end);
		if (p >= end)
			return NULL;
		if (*p == '"')
			return p;
		if (end - p < 2)
			return NULL;
		p += 2;
	}
}

static inline bool read_quoted(struct json_reader *r, struct json_slice *ret)
{
	const char *start, *quote;

	if (r->error || peek_byte(r) != '"')
		return fail(r, -EBADMSG);
	start = r->position + 1;
	quote = find_string_end(start, r->end);
	if (!quote)
		return fail(r, -EBADMSG);
	*ret = (struct json_slice){ start, quote - start };
	r->position = quote + 1;
	r->after_value = true;
	return true;
}

bool json_next_key(struct json_reader *r, struct json_slice *ret)
{
	if (!next_member(r, '}') || !read_quoted(r, ret))
		return false;
	r->after_value = false;
	if (peek_byte(r) != ':')
		return fail(r, -EBADMSG);
	r->position++;
	return true;
}

bool json_read_raw_string(struct json_reader *r, struct json_slice *ret)
{
	return read_quoted(r, ret);
}

bool json_read_string(struct json_reader *r, char *buffer, size_t size, struct json_slice *ret)
{
	struct json_slice raw;
	ptrdiff_t n;

	if (!read_quoted(r, &raw))
		return false;
	if (!memchr(raw.data, '\\', raw.length)) {
		*ret = raw;
		return true;
	}
	n = json_unescape(raw.data, raw.length, buffer, size);
	if (n < 0)
		return fail(r, n);
	*ret = (struct json_slice){ buffer, n };
	return true;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

bool json_read_number(struct json_reader *r, struct json_slice *ret, bool *ret_integer)
{
	const char *p, *digits, *end = r->end;
	bool integer = true;

	if (json_peek(r) != JSON_KIND_NUMBER)
		return fail(r, -EBADMSG);
	digits = r->position + (*r->position == '-');
	p = skip_digits(digits, end);
	if (p == digits || (p - digits > 1 && *digits == '0'))
		return fail(r, -EBADMSG);
	if (p < end && *p == '.') {
		integer = false;
		digits = p + 1;
		p = skip_digits(digits, end);
		if (p == digits)
			return fail(r, -EBADMSG);
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		integer = false;
		digits = p + 1;
		if (digits < end && (*digits == '+' || *digits == '-'))
			digits++;
		p = skip_digits(digits, end);
		if (p == digits)
			return fail(r, -EBADMSG);
	}
	*ret = (struct json_slice){ r->position, p - r->position };
	*ret_integer = integer;
	r->position = p;
	r->after_value = true;
	return true;
}

bool json_read_int(struct json_reader *r, int64_t *ret)
{
	struct json_slice number;
	bool integer;
	int64_t value = 0;

	if (!json_read_number(r, &number, &integer))
		return false;
	if (!integer)
		return fail(r, -EBADMSG);
	if (number.data[0] == '-') {
		for (size_t i = 1; i < number.length; i++) {
			if (__builtin_mul_overflow(value, 10, &value) ||
					__builtin_sub_overflow(value, number.data[i] - '0', &value))
				return fail(r, -ERANGE);
		}
	} else {
		for (size_t i = 0; i < number.length; i++) {
			if (__builtin_mul_overflow(value, 10, &value) ||
					__builtin_add_overflow(value, number.data[i] - '0', &value))
				return fail(r, -ERANGE);
		}
	}
	*ret = value;
	return true;
}

static bool read_word(struct json_reader *r, const char *word, size_t length)
{
	if ((size_t)(r->end - r->position) < length || memcmp(r->position, word, length))
		return fail(r, -EBADMSG);
	r->position += length;
	r->after_value = true;
	return true;
}

bool json_read_bool(struct json_reader *r, bool *ret)
{
	if (json_peek(r) != JSON_KIND_BOOL)
		return fail(r, -EBADMSG);
	*ret = *r->position == 't';
	return *ret ? read_word(r, "true", 4) : read_word(r, "false", 5);
}

bool json_read_null(struct json_reader *r)
{
	if (json_peek(r) != JSON_KIND_NULL)
		return fail(r, -EBADMSG);
	return read_word(r, "null", 4);
}

/* Past a container. Its brackets are counted, not matched by kind. */
static bool skip_container(struct json_reader *r)
{
	const char *p = r->position, *end = r->end;
	size_t depth = 0;

	while (p < end) {
		char c = *p++;

		if (c == '"') {
			p = find_string_end(p, end);
			if (!p)
				break;
			p++;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			r->position = p;
			r->after_value = true;
			return true;
		}
	}
	return fail(r, -EBADMSG);
}

bool json_skip(struct json_reader *r)
{
	struct json_slice slice;
	bool flag;

	switch (json_peek(r)) {
	case JSON_KIND_OBJECT:
	case JSON_KIND_ARRAY:
		return skip_container(r);
	case JSON_KIND_STRING:
		return read_quoted(r, &slice);
	case JSON_KIND_NUMBER:
		return json_read_number(r, &slice, &flag);
	case JSON_KIND_BOOL:
		return json_read_bool(r, &flag);
	case JSON_KIND_NULL:
		return json_read_null(r);
	default:
		return fail(r, -EBADMSG);
	}
}

bool json_read_raw(struct json_reader *r, struct json_slice *ret)
{
	const char *start;

	if (json_peek(r) == JSON_KIND_INVALID)
		return fail(r, -EBADMSG);
	start = r->position;
	if (!json_skip(r))
		return false;
	*ret = (struct json_slice){ start, r->position - start };
	return true;
}

int json_finish(struct json_reader *r)
{
	if (!r->error && (peek_byte(r) || r->position < r->end))
		r->error = -EBADMSG;
	return r->error;
}
