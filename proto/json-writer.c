/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each value is followed by a comma, which the closing bracket overwrites: so no call has to know
 * whether it is the first in its container. The rule that must not break: a comma at the end of
 * the buffer is always structural, because strings end with a quote.
 */
#include "proto/json-writer.h"

#include <errno.h>
#include <stdlib.h>

#include "common/macro.h"
#include "proto/scan.h"
#include "proto/utf8.h"

#define ONES 0x0101010101010101ull

static const char digit_pairs[] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546"
	"4748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293"
	"949596979899";

void json_writer_deinit(struct json_writer *w)
{
	free(w->data);
	*w = JSON_WRITER_INIT;
}

bool json_writer_grow(struct json_writer *w, size_t room)
{
	size_t wanted, capacity;
	char *data = NULL;

	if (w->error)
		return false;
	if (!__builtin_add_overflow(w->length, room, &wanted) &&
	    !__builtin_mul_overflow(w->capacity, 2, &capacity)) {
		capacity = MAX(capacity, wanted);
		capacity = MAX(capacity, (size_t)1024);
		data = realloc(w->data, capacity);
	}
	if (!data) {
		w->error = -ENOMEM;
		return false;
	}
	w->data = data;
	w->capacity = capacity;
	return true;
}

int json_writer_finish(struct json_writer *w, const char **ret, size_t *ret_length)
{
	size_t length = w->length;

	if (!json_writer_reserve(w, 1) || w->error)
		return -ENOMEM;
	if (length > 0 && w->data[length - 1] == ',')
		length--;
	w->data[length] = '\0';
	/* The comma is gone: what is written next starts afresh, so that nothing half is reused. */
	w->length = 0;
	*ret = w->data;
	*ret_length = length;
	return 0;
}

int json_writer_take(struct json_writer *w, char **ret, size_t *ret_length)
{
	const char *text;
	char *fitting;
	int r = json_writer_finish(w, &text, ret_length);

	if (r < 0)
		return r;
	*ret = w->data;
	if (w->capacity - *ret_length > *ret_length / 8 + 64) {
		fitting = realloc(w->data, *ret_length + 1);
		*ret = fitting ? fitting : w->data;
	}
	*w = JSON_WRITER_INIT;
	return 0;
}

/* Writes one character that cannot be copied; returns how many bytes of `text` it took. */
static size_t write_special(struct json_writer *w, const char *text, const char *end)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = utf8_sequence(text, end);
	unsigned char c = *text, last = text[n == 2];
	/* Control characters beyond ASCII: to some terminals they are what ESC is. */
	bool control = c < 0x20 || (c == 0xc2 && n == 2 && last < 0xa0);
	char *to = w->data + w->length;

	if (c >= 0x80 && !control) {
		memcpy(to, n ? text : "\xef\xbf\xbd", n ? n : 3);
		w->length += n ? n : 3;
		return n ? n : 1;
	}
	to[0] = '\\';
	if (!control || c == '\n' || c == '\t') {
		to[1] = c == '\n' ? 'n' : c == '\t' ? 't' : c;
		w->length += 2;
		return 1;
	}
	memcpy(to + 1, "u00", 3);
	to[4] = hex[last >> 4];
	to[5] = hex[last & 15];
	w->length += 6;
	return n;
}

static void write_quoted(struct json_writer *w, const char *text, size_t length, char after)
{
	const char *end = text + length;

	/* 2 quotes, the byte after, and the longest escape. */
	if (!json_writer_reserve(w, length + 9))
		return;
	w->data[w->length++] = '"';
	for (;;) {
		size_t n = scan_for_escapes(text, end) - text;

		memcpy(w->data + w->length, text, n);
		w->length += n;
		text += n;
		if (text == end)
			break;
		text += write_special(w, text, end);
		if (!json_writer_reserve(w, end - text + 9))
			return;
	}
	w->data[w->length] = '"';
	w->data[w->length + 1] = after;
	w->length += 2;
}

void json_write_key(struct json_writer *w, const char *name, size_t length)
{
	write_quoted(w, name, length, ':');
}

void json_write_string(struct json_writer *w, const char *text, size_t length)
{
	write_quoted(w, text, length, ',');
}

void json_write_cstring(struct json_writer *w, const char *text)
{
	write_quoted(w, text, strlen(text), ',');
}

char *json_put_uint(char *to, uint64_t value)
{
	char text[20], *p = text + sizeof(text);
	size_t length;

	if (value < 10) {
		*to = '0' + value;
		return to + 1;
	}
	if (value < 100) {
		memcpy(to, digit_pairs + value * 2, 2);
		return to + 2;
	}
	while (value >= 100) {
		p -= 2;
		memcpy(p, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		p -= 2;
		memcpy(p, digit_pairs + value * 2, 2);
	} else {
		*--p = '0' + value;
	}
	length = text + sizeof(text) - p;
	memcpy(to, p, length);
	return to + length;
}

void json_write_int(struct json_writer *w, int64_t value)
{
	char *to = json_writer_room(w, 22);

	if (!to)
		return;
	if (value < 0)
		*to++ = '-';
	to = json_put_uint(to, value < 0 ? -(uint64_t)value : (uint64_t)value);
	*to++ = ',';
	json_writer_filled(w, to);
}

/* The eight hexadecimal digits of `value`, the most significant first in memory. */
static void hex_digits(uint32_t value, char ret[static 8])
{
	uint64_t x = value, above_nine;

	x = (x << 16 | x) & 0x0000ffff0000ffffull;
	x = (x << 8 | x) & 0x00ff00ff00ff00ffull;
	x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0full;
	above_nine = (x + ONES * 6) >> 4 & ONES;
	x += ONES * '0' + above_nine * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	memcpy(ret, &x, 8);
}

void json_write_address(struct json_writer *w, uint64_t address)
{
	unsigned int n_digits = address ? (67 - __builtin_clzll(address)) / 4 : 1;
	char digits[16], *to;

	if (!json_writer_reserve(w, 21))
		return;
	hex_digits(address >> 32, digits);
	hex_digits(address, digits + 8);
	to = w->data + w->length;
	memcpy(to, "\"0x", 3);
	memcpy(to + 3, digits + 16 - n_digits, n_digits);
	memcpy(to + 3 + n_digits, "\",", 2);
	w->length += n_digits + 5;
}
