/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader keeps no stack: which container it is in is known to the caller, who asks for a key
 * or an element. The rule that must not break: `position` moves forward only, never beyond `end`,
 * and every byte is looked at only after it was compared with `end`.
 */
#include "proto/json-reader.h"

#include <errno.h>

#include "proto/scan.h"

/* At the end nothing more can be read: so the way of good text needs no look at `error`. */
static __attribute__((noinline, cold)) bool fail(struct json_reader *r, int error)
{
	if (!r->error)
		r->error = error;
	r->position = r->end;
	return false;
}

void json_reader_init(struct json_reader *r, const char *data, size_t length)
{
	*r = (struct json_reader){ .position = data, .end = data + length };
}

/* The next byte that is not white space, not consumed; 0 at the end, where JSON has no NUL. */
static inline unsigned char peek_byte(struct json_reader *r)
{
	while (r->position < r->end) {
		unsigned char c = *r->position;

		if (__builtin_expect(c > ' ', 1))
			return c;
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return c;
		r->position++;
	}
	return 0;
}

enum json_kind json_peek(struct json_reader *r)
{
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
	if (peek_byte(r) != (unsigned char)bracket)
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
static inline bool next_member(struct json_reader *r, unsigned char closing)
{
	unsigned char c = peek_byte(r);

	if (r->after_value && c == ',') {
		r->position++;
		r->after_value = false;
		return true;
	}
	if (c == closing) {
		r->position++;
		r->after_value = true;
		return false;
	}
	return !r->after_value && c ? true : fail(r, -EBADMSG);
}

bool json_next_element_any(struct json_reader *r)
{
	return next_member(r, ']');
}

/* The closing quote of the string whose text goes on at `p`; NULL when there is none. */
static const char *find_string_end(const char *p, const char *end)
{
	for (;;) {
		p = scan_for_string_end(p, end);
		if (p >= end)
			return NULL;
		if (*p == '"')
			return p;
		if (end - p < 2)
			return NULL;
		p += 2;
	}
}

/* `ret_escaped`: there is a backslash in it. */
static inline bool read_quoted(struct json_reader *r, struct json_slice *ret, bool *ret_escaped)
{
	const char *start, *quote;

	if (peek_byte(r) != '"')
		return fail(r, -EBADMSG);
	start = r->position + 1;
	quote = scan_for_string_end(start, r->end);
	*ret_escaped = quote < r->end && *quote == '\\';
	if (*ret_escaped)
		quote = find_string_end(quote, r->end);
	if (!quote || quote == r->end)
		return fail(r, -EBADMSG);
	*ret = (struct json_slice){ start, quote - start };
	r->position = quote + 1;
	r->after_value = true;
	return true;
}

bool json_next_key_any(struct json_reader *r, struct json_slice *ret)
{
	bool escaped;

	if (!next_member(r, '}') || !read_quoted(r, ret, &escaped))
		return false;
	r->after_value = false;
	if (peek_byte(r) != ':')
		return fail(r, -EBADMSG);
	r->position++;
	return true;
}

bool json_read_raw_string_any(struct json_reader *r, struct json_slice *ret)
{
	bool escaped;

	return read_quoted(r, ret, &escaped);
}

bool json_read_string_any(struct json_reader *r, char *buffer, size_t size, struct json_slice *ret)
{
	struct json_slice raw;
	bool escaped;
	ptrdiff_t n;

	if (!read_quoted(r, &raw, &escaped))
		return false;
	if (!escaped) {
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

static __attribute__((noinline)) bool read_any_int(struct json_reader *r, int64_t *ret)
{
	struct json_slice number;
	bool integer, negative;
	int64_t value = 0;

	if (!json_read_number(r, &number, &integer))
		return false;
	if (!integer)
		return fail(r, -EBADMSG);
	negative = number.data[0] == '-';
	for (size_t i = negative; i < number.length; i++) {
		int digit = number.data[i] - '0';

		if (__builtin_mul_overflow(value, 10, &value) ||
				__builtin_add_overflow(value, negative ? -digit : digit, &value))
			return fail(r, -ERANGE);
	}
	*ret = value;
	return true;
}

bool json_read_int(struct json_reader *r, int64_t *ret)
{
	const char *p = r->position, *end = r->end;
	/* Nearly all: a few digits (19 for a time), no sign, a comma or bracket behind. */
	const char *limit = end - p > 19 ? p + 19 : end;
	uint64_t value = 0;

	while (p < limit && (unsigned char)(*p - '0') <= 9)
		value = value * 10 + (*p++ - '0');
	/* No digit at all is no number, and a zero must be the only one. */
	if (p == r->position || p == end || (*p != ',' && *p != '}' && *p != ']') ||
			(*r->position == '0' && p - r->position > 1) || value > INT64_MAX)
		return read_any_int(r, ret);
	r->position = p;
	r->after_value = true;
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

bool json_pass_null_any(struct json_reader *r)
{
	return json_peek(r) == JSON_KIND_NULL && json_read_null(r);
}

static bool skip_container(struct json_reader *r)
{
	const char *behind = json_container_end(r->position, r->end);

	if (!behind)
		return fail(r, -EBADMSG);
	r->position = behind;
	r->after_value = true;
	return true;
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
		return read_quoted(r, &slice, &flag);
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
	if (peek_byte(r) || r->position < r->end)
		fail(r, -EBADMSG);
	return r->error;
}
