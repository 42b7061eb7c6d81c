/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output of lbrctl. The rule that must not break: once a write failed nothing more is
 * written, and the failure stays visible in `error` until the end, where it decides the exit code.
 */
#include "client/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/macro.h"

void output_init(struct output *out, int fd)
{
	out->fd = fd;
	out->error = 0;
	out->length = 0;
}

int output_flush(struct output *out)
{
	size_t done = 0;

	while (!out->error && done < out->length) {
		ssize_t n = write(out->fd, out->data + done, out->length - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			out->error = errno;
	}
	out->length = 0;
	return -out->error;
}

void output_append_long(struct output *out, const char *data, size_t length)
{
	while (length) {
		size_t n = MIN(length, OUTPUT_SIZE - out->length);

		memcpy(out->data + out->length, data, n);
		out->length += n;
		data += n;
		length -= n;
		if (out->length == OUTPUT_SIZE)
			output_flush(out);
	}
}

static void blank_controls(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint64_t word;

		/* Where none of eight bytes is below a blank; those of UTF-8 are not. */
		for (; i + sizeof(word) <= length; i += sizeof(word)) {
			memcpy(&word, text + i, sizeof(word));
			if ((word - 0x2020202020202020) & ~word & 0x8080808080808080)
				break;
		}
		if (i < length && (unsigned char)text[i] < ' ')
			text[i] = ' ';
	}
}

void output_append_json(struct output *out, const char *data, size_t length)
{
	while (length) {
		size_t n = MIN(length, (size_t)OUTPUT_SIZE);
		char *to = output_reserve(out, n);

		memcpy(to, data, n);
		blank_controls(to, n);
		output_commit(out, n);
		data += n;
		length -= n;
	}
}

void output_spaces(struct output *out, size_t count)
{
	while (count) {
		size_t n = MIN(count, (size_t)256);

		memset(output_reserve(out, n), ' ', n);
		output_commit(out, n);
		count -= n;
	}
}

void output_printf(struct output *out, const char *format, ...)
{
	char line[1024];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (n > 0)
		output_append(out, line, MIN((size_t)n, sizeof(line) - 1));
}
