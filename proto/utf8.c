/* SPDX-License-Identifier: Apache-2.0 */
/* What one room lets through as UTF-8 another must not reject: both directions use this file. */
#include "proto/utf8.h"

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_sequence(const char *p, const char *end)
{
	const unsigned char *c = (const unsigned char *)p;
	size_t room = end - p;

	if (c[0] < 0x80)
		return 1;
	if (c[0] < 0xc2 || c[0] > 0xf4 || room < 2 || !is_continuation(c[1]))
		return 0;
	if (c[0] < 0xe0)
		return 2;
	if (room < 3 || !is_continuation(c[2]))
		return 0;
	if (c[0] < 0xf0) {
		bool overlong = c[0] == 0xe0 && c[1] < 0xa0;
		bool surrogate = c[0] == 0xed && c[1] > 0x9f;

		return overlong || surrogate ? 0 : 3;
	}
	if (room < 4 || !is_continuation(c[3]))
		return 0;
	if ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return 4;
}

bool utf8_valid(const char *data, size_t length)
{
	const char *end = data + length;

	while (data < end) {
		size_t n = utf8_sequence(data, end);

		if (n == 0)
			return false;
		data += n;
	}
	return true;
}

size_t utf8_encode(uint32_t codepoint, char ret[static 4])
{
	if (codepoint < 0x80) {
		ret[0] = codepoint;
		return 1;
	}
	if (codepoint < 0x800) {
		ret[0] = 0xc0 | codepoint >> 6;
		ret[1] = 0x80 | (codepoint & 0x3f);
		return 2;
	}
	if (codepoint < 0x10000) {
		ret[0] = 0xe0 | codepoint >> 12;
		ret[1] = 0x80 | (codepoint >> 6 & 0x3f);
		ret[2] = 0x80 | (codepoint & 0x3f);
		return 3;
	}
	ret[0] = 0xf0 | codepoint >> 18;
	ret[1] = 0x80 | (codepoint >> 12 & 0x3f);
	ret[2] = 0x80 | (codepoint >> 6 & 0x3f);
	ret[3] = 0x80 | (codepoint & 0x3f);
	return 4;
}
