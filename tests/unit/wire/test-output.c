/* SPDX-License-Identifier: Apache-2.0 */
/* Frames through a socket that takes little: order, accounting, and the frames' lives. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/wire/output.h"
#include "tests/unit/check.h"

static void make_pair(int fds[2])
{
	int size = 4096;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	CHECK_EQ(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static struct frame *numbered_frame(unsigned int number, size_t length)
{
	struct frame *frame;

	CHECK_EQ(frame_new(length, &frame), 0);
	for (size_t i = 0; i < length; i++)
		frame->data[i] = number + i * 7;
	return frame;
}

/* Reads up to `limit` bytes and compares them with the frames, all of `length` bytes. */
static size_t read_and_check(int fd, size_t position, size_t length, size_t limit)
{
	char buffer[1000];
	ssize_t n = recv(fd, buffer, limit < sizeof(buffer) ? limit : sizeof(buffer), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++, position++)
		CHECK_EQ((unsigned char)buffer[i],
			 (unsigned char)(position / length + position % length * 7));
	return position;
}

static void test_order_and_accounting(void)
{
	const size_t length = 333, n_frames = 500;
	struct frame *frames[500];
	struct output output = { 0 };
	size_t position = 0, sent = 0;
	int fds[2];

	make_pair(fds);
	for (size_t i = 0; i < n_frames; i++) {
		ptrdiff_t n;

		frames[i] = numbered_frame(i, length);
		n = output_send_frame(&output, fds[0], frames[i]);
		CHECK(n >= 0);
		sent += n;
		CHECK_EQ(output.bytes, (i + 1) * length - sent);
		/* Some reading in between moves the ring around. */
		if (i % 3 == 0)
			position = read_and_check(fds[1], position, length, 700);
		if (i % 5 == 0)
			sent += output_send(&output, fds[0]);
	}
	CHECK(output.bytes > 0);
	while (position < n_frames * length) {
		ptrdiff_t n = output_send(&output, fds[0]);

		CHECK(n >= 0);
		sent += n;
		CHECK_EQ(output.bytes, n_frames * length - sent);
		position = read_and_check(fds[1], position, length, 1000);
	}
	CHECK_EQ(output.bytes, 0);
	CHECK_EQ(output.n, 0);
	for (size_t i = 0; i < n_frames; i++) {
		CHECK_EQ(frames[i]->n_refs, 1);
		frame_unref(frames[i]);
	}
	output_deinit(&output);
	close(fds[0]);
	close(fds[1]);
}

static void test_direct_send_queues_nothing(void)
{
	struct output output = { 0 };
	struct frame *frame = numbered_frame(0, 100);
	int fds[2];

	make_pair(fds);
	CHECK_EQ(output_send_frame(&output, fds[0], frame), 100);
	CHECK_EQ(output.bytes, 0);
	CHECK_EQ(output.capacity, 0);
	CHECK_EQ(frame->n_refs, 1);
	CHECK_EQ(read_and_check(fds[1], 0, 100, 1000), 100);
	frame_unref(frame);
	output_deinit(&output);
	close(fds[0]);
	close(fds[1]);
}

static void test_shared_frame_outlives_its_queues(void)
{
	struct output outputs[2] = { { 0 }, { 0 } };
	struct frame *frame = numbered_frame(0, 10);

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(output_push(&outputs[i], frame), 0);
		CHECK_EQ(outputs[i].bytes, 10);
	}
	CHECK_EQ(frame->n_refs, 3);
	output_deinit(&outputs[0]);
	CHECK_EQ(frame->n_refs, 2);
	frame_unref(frame);
	CHECK_EQ(outputs[1].ring[0]->data[1], 7);
	output_deinit(&outputs[1]);
}

static void test_failed_connection(void)
{
	struct output output = { 0 };
	struct frame *frame = numbered_frame(0, 10);
	int fds[2];

	make_pair(fds);
	close(fds[1]);
	CHECK_EQ(output_send_frame(&output, fds[0], frame), -EPIPE);
	CHECK_EQ(output_push(&output, frame), 0);
	CHECK_EQ(output_send(&output, fds[0]), -EPIPE);
	output_deinit(&output);
	CHECK_EQ(frame->n_refs, 1);
	frame_unref(frame);
	close(fds[0]);
}

int main(void)
{
	test_order_and_accounting();
	test_direct_send_queues_nothing();
	test_shared_frame_outlives_its_queues();
	test_failed_connection();
	return 0;
}
