/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of lbrd, fed with a recording, and this one process that reads for all observers. Prints the
 * nanoseconds of lbrd's CPU time and of time for each event, and the bytes of one.
 * usage: route FED-LBRD OBSERVERS EVENTS [raw]
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/macro.h"
#include "tests/feed/feed.h"

#define MAX_OBSERVERS 1024

/* Of one observer: messages are counted, nothing is looked at. */
struct reader {
	int fd;
	size_t n_events;
};

static struct reader readers[MAX_OBSERVERS];

static size_t count_ends(const char *data, size_t n)
{
	size_t ends = 0;

	for (const char *end; (end = memchr(data, '\0', n)); n -= end + 1 - data, data = end + 1)
		ends++;
	return ends;
}

static size_t read_some(struct reader *reader, size_t *bytes)
{
	static char buffer[1 << 18];
	ssize_t n = recv(reader->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	size_t ends;

	if (n == 0)
		errx(1, "a stream ended");
	if (n < 0)
		return 0;
	ends = count_ends(buffer, n);
	reader->n_events += ends;
	*bytes += n;
	return ends;
}

static void open_readers(const struct feed *feed, int epoll, size_t n, bool raw)
{
	const char *call = raw ?
		"{\"method\":\"io.lbrd.Watch\",\"parameters\":{\"raw\":true},\"more\":true}" :
		"{\"method\":\"io.lbrd.Watch\",\"more\":true}";
	char reply[4096];

	for (size_t i = 0; i < n; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &readers[i]};

		readers[i].fd = feed_connect(feed);
		feed_call(readers[i].fd, call, reply, sizeof(reply));
		if (strstr(reply, "\"error\""))
			errx(1, "%s", reply);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, readers[i].fd, &event) < 0)
			err(1, "epoll");
	}
}

/* Until all observers have all events, or, without observers, until the ring is empty. */
static size_t run(struct feed *feed, int epoll, size_t n_observers, size_t n_events)
{
	size_t offered = 0, read = 0, bytes = 0;
	struct epoll_event events[256];

	while (read < n_observers * n_events || offered < n_events || feed_waiting(feed)) {
		int n = epoll_wait(epoll, events, ARRAY_SIZE(events), n_observers ? 1 : 0);

		for (int i = 0; i < n; i++)
			read += read_some(events[i].data.ptr, &bytes);
		offered += feed_offer(feed, n_events - offered);
	}
	for (size_t i = 0; i < n_observers; i++)
		if (readers[i].n_events != n_events)
			errx(1, "an observer missed some: it got %zu", readers[i].n_events);
	return bytes;
}

int main(int argc, char **argv)
{
	size_t n_observers = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	size_t n_events = argc > 3 ? strtoul(argv[3], NULL, 10) : 0, bytes;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t cpu, time;
	struct feed feed;

	if (!n_events || n_observers > MAX_OBSERVERS) {
		fprintf(stderr, "usage: route FED-LBRD OBSERVERS EVENTS [raw]\n");
		return 2;
	}
	feed_start(&feed, argv[1]);
	feed_attach(&feed, "recorded", false);
	open_readers(&feed, epoll, n_observers, argc > 4);
	cpu = feed_cpu(&feed);
	time = clock_ns(CLOCK_MONOTONIC);
	bytes = run(&feed, epoll, n_observers, n_events);
	time = clock_ns(CLOCK_MONOTONIC) - time;
	cpu = feed_cpu(&feed) - cpu;
	printf("%.0f %.0f %zu\n", (double)cpu / n_events, (double)time / n_events,
	       n_observers ? bytes / n_observers / n_events : 0);
	for (size_t i = 0; i < n_observers; i++)
		close(readers[i].fd);
	feed_stop(&feed);
	return 0;
}
