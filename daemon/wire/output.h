/* SPDX-License-Identifier: Apache-2.0 */
/* What waits to be sent on one socket: a queue of references to frames. */
#pragma once

#include <stddef.h>

#include "daemon/wire/frame.h"

struct output {
	struct frame **ring;
	size_t capacity; /* a power of two, or 0 */
	size_t first, n; /* of the ring */
	size_t offset; /* bytes of the first frame that are sent */
	size_t bytes; /* unsent, of all frames */
};

/* A zeroed output is empty. */
void output_deinit(struct output *output);

/* Appends; takes its own reference. -ENOMEM. */
int output_push(struct output *output, struct frame *frame);

/*
 * Sends as much as the socket takes, many frames at a time. Returns the number of bytes sent, with
 * output->bytes > 0 when the socket is full; a negative errno (never -EAGAIN) when it failed.
 */
ptrdiff_t output_send(struct output *output, int fd);

/*
 * Sends `frame` at once when nothing waits before it, and queues what the socket does not take.
 * Like output_send(); after -ENOMEM the message may be cut in the middle: the connection is lost.
 */
ptrdiff_t output_send_frame(struct output *output, int fd, struct frame *frame);
