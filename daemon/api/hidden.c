/* SPDX-License-Identifier: Apache-2.0 */
/* Better a number too many hidden than an address shown. */
#include "daemon/api/hidden.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

static const char hidden[] = "0x...";

struct copy {
	char *buffer;
	size_t length;
	size_t room;
};

static void put(struct copy *copy, const char *text, size_t length)
{
	length = MIN(length, copy->room - copy->length);
	memcpy(copy->buffer + copy->length, text, length);
	copy->length += length;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* AT&T writes "-0x8(%rbp)", Intel "[rbp - 8]". */
static bool is_behind_minus(const char *text, const char *at)
{
	while (at > text && at[-1] == ' ')
		at--;
	return at > text && at[-1] == '-';
}

/* "0x12(%rip)" of AT&T, "[rip + 0x12]" of Intel. */
static bool is_distance(const char *text, const char *at, const char *end)
{
	if (!strncmp(end, "(%rip", 5))
		return true;
	while (at > text && strchr(" +-", at[-1]))
		at--;
	return at - text >= 3 && !strncmp(at - 3, "rip", 3);
}

/* What is below counts or measures something, what is above is a small negative number. */
static bool may_tell(uint64_t value)
{
	return value >= UINT64_C(1) << 40 && value < KERNEL_ADDRESSES_END;
}

const char *hide_addresses(const char *text, char *buffer, size_t size)
{
	struct copy copy = {.buffer = buffer, .room = size - 1};
	const char *at = text;

	while (*at) {
		char *end = (char *)at + 1;
		bool tells = false;

		/* The digits of a name are no number. */
		if (isdigit((unsigned char)*at) && (at == text || !is_word(at[-1]))) {
			uint64_t value = strtoull(at, &end, 0);

			if (is_behind_minus(text, at))
				value = -value;
			tells = may_tell(value) || is_distance(text, at, end);
		}
		if (tells)
			put(&copy, hidden, sizeof(hidden) - 1);
		else
			put(&copy, at, end - at);
		at = end;
	}
	buffer[copy.length] = '\0';
	return buffer;
}
