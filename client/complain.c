/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard error of lbrctl. What lbrd sends is printed here too, so every line is sanitized as a
 * whole, and written in one piece, for standard output may go to the same terminal.
 */
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/context.h"
#include "client/text.h"
#include "common/macro.h"

__attribute__((format(printf, 2, 0), nonnull)) static void
say(const char *prefix, const char *format, va_list arguments)
{
	char text[2048], line[2112];
	size_t n = strlen(prefix);
	int length = vsnprintf(text, sizeof(text), format, arguments);

	memcpy(line, prefix, n);
	if (length > 0)
		n += text_sanitize(line + n, text, MIN((size_t)length, sizeof(text) - 1),
				   !strcmp(nl_langinfo(CODESET), "UTF-8"));
	line[n++] = '\n';
	/* Nobody to tell when this fails. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("lbrctl: ", format, arguments);
	va_end(arguments);
}

void hint(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("hint: ", format, arguments);
	va_end(arguments);
}

void tell(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
}
