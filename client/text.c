/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, paths and process names come from whoever loaded the program: none of their bytes reaches
 * the terminal but through text_sanitize(). Widths are those of wcwidth(), hence of the locale.
 */
#include "client/text.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "proto/utf8.h"

/* Bytes of the UTF-8 sequence at `s`, 0 when it is not well-formed. */
static size_t decode(const char *s, size_t length, wchar_t *ret)
{
	size_t n = utf8_sequence(s, s + length);
	uint32_t c = (unsigned char)s[0];

	if (n > 1)
		c &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	*ret = (wchar_t)c;
	return n;
}

static bool printable(wchar_t c)
{
	/* Marks that reorder what stands around them: a name could disguise itself. */
	if (c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069))
		return false;
	return wcwidth(c) >= 0;
}

size_t text_sanitize(char *buffer, const char *source, size_t length, bool utf8)
{
	size_t out = 0;

	for (size_t i = 0; i < length;) {
		wchar_t c;
		size_t n;

		if (source[i] >= 0x20 && source[i] < 0x7f) {
			buffer[out++] = source[i++];
			continue;
		}
		n = decode(source + i, length - i, &c);
		if (n > 1 && utf8 && printable(c)) {
			memmove(buffer + out, source + i, n);
			out += n;
		} else {
			buffer[out++] = '?';
		}
		i += n ? n : 1;
	}
	return out;
}

/* The character at the start of sanitized text; returns its bytes. */
static size_t next(const char *text, size_t length, unsigned int *ret_width)
{
	wchar_t c;
	size_t n = decode(text, length, &c);
	int width = n > 1 ? wcwidth(c) : 1;

	*ret_width = width < 0 ? 1 : (unsigned int)width;
	return n ? n : 1;
}

unsigned int text_width(const char *text, size_t length)
{
	unsigned int width, w;
	size_t i = 0;

	/* Nearly all text is ASCII. */
	while (i < length && (signed char)text[i] > 0)
		i++;
	for (width = (unsigned int)i; i < length; width += w)
		i += next(text + i, length - i, &w);
	return width;
}

size_t text_tail(const char *text, size_t length, unsigned int width, unsigned int *ret_width)
{
	unsigned int all = text_width(text, length), w;
	size_t i = 0;

	/* A combining mark goes with the character before it, which is dropped too. */
	while (i < length && all > width) {
		i += next(text + i, length - i, &w);
		all -= w;
	}
	*ret_width = all;
	return length - i;
}

size_t text_head(const char *text, size_t length, unsigned int width, unsigned int *ret_width)
{
	unsigned int all = 0, w;
	size_t i = 0;

	while (i < length) {
		size_t n = next(text + i, length - i, &w);

		if (all + w > width)
			break;
		all += w;
		i += n;
	}
	*ret_width = all;
	return i;
}

size_t text_line(const char *text, size_t length, unsigned int width)
{
	unsigned int w;
	size_t n = width ? text_head(text, length, width, &w) : length;
	const char *blank = n < length ? memrchr(text, ' ', n + 1) : NULL;

	return blank && blank > text ? (size_t)(blank - text) : n;
}

size_t text_decimal(char *buffer, unsigned long long value)
{
	char digits[20], *p = digits + sizeof(digits);
	size_t n;

	/* As most of the cycles of branches. */
	if (value < 10) {
		*buffer = (char)('0' + value);
		return 1;
	}
	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	n = (size_t)(digits + sizeof(digits) - p);
	memcpy(buffer, p, n);
	return n;
}
