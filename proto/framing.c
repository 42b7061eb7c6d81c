/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule that must not break: each byte is searched for its NUL once and moved a bounded number
 * of times, however small the pieces in which it comes.
 */
#include "proto/framing.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

#define MIN_ROOM 4096u
#define INITIAL_CAPACITY 8192u
/* What a busy connection gets when its messages do not need it. */
#define EAGER_CAPACITY 65536u
/* What an idle connection may keep. */
#define TRIM_ABOVE 16384u

void framing_init(struct framing *f, size_t max_message)
{
	*f = (struct framing){ .max_message = max_message };
}

void framing_deinit(struct framing *f)
{
	free(f->buffer);
	*f = (struct framing){ 0 };
}

static int grow(struct framing *f)
{
	/* With twice the message and the room, either a message is complete, or it is too large, or
	 * half of the buffer is behind us and moving the rest has been paid for. */
	size_t limit = 2 * (f->max_message + 1 + MIN_ROOM);
	size_t capacity = f->capacity ? MIN(2 * f->capacity, limit) : MIN(INITIAL_CAPACITY, limit);
	char *buffer;

	if (capacity <= f->capacity)
		return -ENOBUFS;
	buffer = realloc(f->buffer, capacity);
	if (!buffer)
		return -ENOMEM;
	f->buffer = buffer;
	f->capacity = capacity;
	return 0;
}

int framing_reserve(struct framing *f, char **ret, size_t *ret_room)
{
	if (f->start == f->end)
		f->start = f->scanned = f->end = 0;
	/* Where there is more than was asked for, fewer and larger reads are cheaper. It is no
	 * failure when there is no memory for that. */
	if (f->filled && f->capacity < EAGER_CAPACITY)
		grow(f);
	if (f->capacity - f->end < MIN_ROOM) {
		size_t held = f->end - f->start;

		if (f->start > 0 && f->start >= held) {
			memmove(f->buffer, f->buffer + f->start, held);
			f->scanned -= f->start;
			f->start = 0;
			f->end = held;
		} else {
			int r = grow(f);

			if (r < 0 && (r != -ENOBUFS || f->end == f->capacity))
				return r;
		}
	}
	*ret = f->buffer + f->end;
	*ret_room = f->capacity - f->end;
	return 0;
}

void framing_commit(struct framing *f, size_t n)
{
	f->filled = n == f->capacity - f->end;
	f->end += n;
}

int framing_next(struct framing *f, const char **ret, size_t *ret_length)
{
	size_t length;

	if (f->scanned == f->end)
		return 0;
	/* Not memchr(), which takes half as many instructions again. */
	length = f->scanned - f->start + strnlen(f->buffer + f->scanned, f->end - f->scanned);
	if (length > f->max_message)
		return -EMSGSIZE;
	if (f->start + length == f->end) {
		f->scanned = f->end;
		return 0;
	}
	*ret = f->buffer + f->start;
	*ret_length = length;
	f->start = f->scanned = f->start + length + 1;
	return 1;
}

void framing_trim(struct framing *f)
{
	if (f->start != f->end || f->capacity <= TRIM_ABOVE)
		return;
	free(f->buffer);
	*f = (struct framing){ .max_message = f->max_message };
}
