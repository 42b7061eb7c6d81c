/* SPDX-License-Identifier: Apache-2.0 */
/* For cells of tables, which are cut to the width of the terminal anyway. */
#include "client/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/macro.h"

void words_add(struct words *words, const char *format, ...)
{
	size_t room = sizeof(words->text) - words->length;
	va_list arguments;
	int n;

	if (words->length && room > 3) {
		memcpy(words->text + words->length, ", ", 3);
		words->length += 2;
		room -= 2;
	}
	va_start(arguments, format);
	n = vsnprintf(words->text + words->length, room, format, arguments);
	va_end(arguments);
	if (n > 0)
		words->length += MIN((size_t)n, room - 1);
}
