/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a byte stream apart into messages, each ended by a NUL byte, over any chunking. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct framing {
	char *buffer;
	size_t start, scanned, end; /* bytes before `scanned` hold no NUL from `start` on */
	size_t capacity;
	bool filled; /* the last read left no room */
	size_t max_message;
};

/* A message may have `max_message` bytes, its NUL byte not counted. */
void framing_init(struct framing *f, size_t max_message);
void framing_deinit(struct framing *f);

/*
 * Room to read bytes into, at least one. Moves the buffer: what framing_next() returned is gone.
 * -ENOBUFS: take messages out first. -ENOMEM.
 */
int framing_reserve(struct framing *f, char **ret, size_t *ret_room);
/* `n` bytes were read into that room. */
void framing_commit(struct framing *f, size_t n);

/*
 * The next whole message: 1, and *ret is valid until framing_reserve() or framing_trim(), a NUL
 * byte standing at (*ret)[*ret_length]. 0: more bytes are needed. -EMSGSIZE: the message is too
 * large, the stream is beyond repair.
 */
int framing_next(struct framing *f, const char **ret, size_t *ret_length);

/* Whether bytes of an unfinished or not yet taken message are held. */
static inline bool framing_is_empty(const struct framing *f)
{
	return f->start == f->end;
}

/* Gives back memory that an empty buffer does not need while nothing comes in. */
void framing_trim(struct framing *f);
