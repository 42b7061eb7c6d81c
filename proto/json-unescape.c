/* SPDX-License-Identifier: Apache-2.0 */
/* The escapes of JSON strings. What comes out is never longer than what went in. */
#include <errno.h>
#include <string.h>

#include "proto/json-reader.h"
#include "proto/utf8.h"

#define REPLACEMENT 0xfffdu

/* The value of four hexadecimal digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value |= (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/* Reads what follows `\u` at *p, the second half of a surrogate pair included. */
static int read_codepoint(const char **p, const char *end, uint32_t *ret)
{
	int32_t unit = hex4(*p, end), low;

	if (unit < 0)
		return -EBADMSG;
	*p += 4;
	*ret = unit;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	*ret = REPLACEMENT;
	if (unit > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return 0;
	low = hex4(*p + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*p += 6;
	*ret = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/* Reads one escape, *p being behind its backslash. */
static int read_escape(const char **p, const char *end, uint32_t *ret)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (*p == end)
		return -EBADMSG;
	if (**p == 'u') {
		(*p)++;
		return read_codepoint(p, end, ret);
	}
	found = memchr(names, **p, sizeof(names) - 1);
	if (!found)
		return -EBADMSG;
	(*p)++;
	*ret = values[found - names];
	return 0;
}

ptrdiff_t json_unescape(const char *text, size_t length, char *buffer, size_t size)
{
	const char *p = text, *end = text + length;
	size_t written = 0;

	while (p < end) {
		char bytes[4] = { *p };
		uint32_t codepoint;
		size_t n = 1;
		int r;

		if (*p++ == '\\') {
			r = read_escape(&p, end, &codepoint);
			if (r < 0)
				return r;
			n = utf8_encode(codepoint, bytes);
		}
		if (size - written < n)
			return -ENOBUFS;
		memcpy(buffer + written, bytes, n);
		written += n;
	}
	return written;
}
