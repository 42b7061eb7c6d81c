/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of pointers: an observer that keeps up costs no allocation per frame, one that lags costs
 * eight bytes. The rule that must not break: `bytes` is what an observer has yet to be sent, since
 * every decision about slow observers rests on it.
 */
#include "daemon/wire/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/macro.h"

#define MAX_VECTORS 64u
#define INITIAL_CAPACITY 16u

static struct frame *frame_at(const struct output *output, size_t i)
{
	return output->ring[(output->first + i) & (output->capacity - 1)];
}

void output_deinit(struct output *output)
{
	for (size_t i = 0; i < output->n; i++)
		frame_unref(frame_at(output, i));
	free(output->ring);
	*output = (struct output){ 0 };
}

static int grow(struct output *output)
{
	size_t capacity = output->capacity ? 2 * output->capacity : INITIAL_CAPACITY;
	struct frame **ring = calloc(capacity, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < output->n; i++)
		ring[i] = frame_at(output, i);
	free(output->ring);
	output->ring = ring;
	output->capacity = capacity;
	output->first = 0;
	return 0;
}

int output_push(struct output *output, struct frame *frame)
{
	int r = output->n == output->capacity ? grow(output) : 0;

	if (r < 0)
		return r;
	output->ring[(output->first + output->n) & (output->capacity - 1)] = frame_ref(frame);
	output->n++;
	output->bytes += frame->length;
	return 0;
}

/* Forgets `n` bytes that were sent. */
static void consume(struct output *output, size_t n)
{
	output->bytes -= n;
	output->offset += n;
	while (output->n > 0 && output->offset >= frame_at(output, 0)->length) {
		struct frame *frame = frame_at(output, 0);

		output->offset -= frame->length;
		output->first = (output->first + 1) & (output->capacity - 1);
		output->n--;
		frame_unref(frame);
	}
}

static ptrdiff_t send_once(struct output *output, int fd)
{
	struct iovec vectors[MAX_VECTORS];
	struct msghdr message = { .msg_iov = vectors, .msg_iovlen = MIN(output->n, MAX_VECTORS) };
	size_t offset = output->offset;

	/* Most messages find an empty queue, and send() is the cheaper call. */
	if (output->n == 1)
		return send(fd, frame_at(output, 0)->data + offset, output->bytes,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	for (size_t i = 0; i < message.msg_iovlen; i++) {
		struct frame *frame = frame_at(output, i);

		vectors[i] = (struct iovec){ frame->data + offset, frame->length - offset };
		offset = 0;
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ptrdiff_t output_send(struct output *output, int fd)
{
	ptrdiff_t sent = 0;

	while (output->bytes > 0) {
		ptrdiff_t n = send_once(output, fd);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? sent : -errno;
		consume(output, n);
		sent += n;
	}
	return sent;
}

ptrdiff_t output_send_frame(struct output *output, int fd, struct frame *frame)
{
	ptrdiff_t n = 0;
	int r;

	if (output->bytes == 0) {
		do
			n = send(fd, frame->data, frame->length, MSG_NOSIGNAL | MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0)
			n = 0;
		if ((size_t)n == frame->length)
			return n;
	}
	r = output_push(output, frame);
	if (r < 0)
		return r;
	if (n > 0)
		consume(output, n);
	return n;
}
