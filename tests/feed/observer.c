/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that must not break: each number is an event or in the range of a loss, once. */
#include "tests/feed/observer.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/macro.h"

void observer_open(struct observer *observer, const struct feed *feed)
{
	char reply[256];

	*observer = (struct observer){.fd = feed_connect(feed)};
	feed_call(observer->fd, "{\"method\":\"io.lbrd.Watch\",\"more\":true}", reply, sizeof(reply));
	if (!strstr(reply, "\"ready\":true"))
		errx(1, "%s", reply);
}

void observer_close(struct observer *observer)
{
	close(observer->fd);
	observer->fd = -1;
}

static uint64_t member(const char *text, const char *name)
{
	const char *found = strstr(text, name);

	return found ? strtoull(found + strlen(name), NULL, 10) : 0;
}

static void go_on(struct observer *observer, uint64_t from, uint64_t to)
{
	if (observer->first && from != observer->last + 1)
		errx(1, "number %" PRIu64 " follows %" PRIu64, from, observer->last);
	if (!observer->first)
		observer->first = from;
	observer->last = to;
}

/* Its beginning is enough: numbers come first. */
static void take_message(struct observer *observer, const char *text)
{
	uint64_t number = member(text, "{\"event\":{\"sequence\":"), from, to;

	if (number) {
		go_on(observer, number, number);
		observer->received++;
		return;
	}
	if (!strstr(text, "{\"lost\":{"))
		return;
	from = member(text, "\"firstSequence\":");
	to = member(text, "\"lastSequence\":");
	if (member(text, "\"count\":") != to - from + 1 || !from)
		errx(1, "not the events that were skipped: %s", text);
	go_on(observer, from, to);
	observer->lost += to - from + 1;
}

static void take(struct observer *observer, const char *data, size_t n)
{
	while (n > 0) {
		size_t length = strnlen(data, n);
		size_t kept = MIN(length, sizeof(observer->head) - 1 - observer->n_head);
		bool whole = length < n && !observer->n_head;

		if (whole) {
			take_message(observer, data);
		} else {
			memcpy(observer->head + observer->n_head, data, kept);
			observer->n_head += kept;
		}
		if (length == n)
			return;
		if (!whole) {
			observer->head[observer->n_head] = '\0';
			take_message(observer, observer->head);
			observer->n_head = 0;
		}
		data += length + 1;
		n -= length + 1;
	}
}

bool observer_read(struct observer *observer, size_t max)
{
	static char buffer[1 << 18];
	ssize_t n = recv(observer->fd, buffer, MIN(max, sizeof(buffer)), MSG_DONTWAIT);

	if (n == 0)
		errx(1, "a stream ended");
	if (n < 0 && errno != EAGAIN)
		err(1, "stream");
	if (n > 0)
		take(observer, buffer, n);
	return n > 0;
}

uint64_t observer_accounted(const struct observer *observer)
{
	return observer->received + observer->lost;
}
