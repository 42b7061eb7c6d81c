/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 256 observers, of which a tenth read next to nothing until the end, a tenth read slowly, and a
 * tenth vanish at random and are replaced. The others miss nothing; what the slow ones got and were
 * told lost is what was sent, each event exactly once; memory and ring stay within their limits.
 * usage: slow-observers FED-LBRD [EVENTS [bare]]
 * bare: events without branches, of which one CPU can send 20,000 a second to so many.
 */
#include <err.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/limits.h"
#include "tests/feed/observer.h"

#define OBSERVERS 256
#define SLOW_READ 4096

enum habit {
	STALLED,
	SLOW,
	VANISHING,
	HEALTHY,
};

/* Events that may be under way to a healthy observer: fewer than it has a place of its own for. */
static const struct pace {
	size_t window, batch;
} with_branches = {128, 64}, bare = {2048, 512};

static struct observer observers[OBSERVERS];
static size_t n_vanished;

static enum habit habit_of(size_t i)
{
	return i % 10 < HEALTHY ? (enum habit)(i % 10) : HEALTHY;
}

static uint64_t slowest_healthy(void)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < OBSERVERS; i++) {
		if (habit_of(i) != HEALTHY)
			continue;
		if (observers[i].lost)
			errx(1, "healthy observer %zu lost %" PRIu64, i, observers[i].lost);
		least = MIN(least, observers[i].received);
	}
	return least;
}

/* `patient`: those who read nothing need not, or lbrd would give them up. */
static void live(struct feed *feed, size_t i, bool patient)
{
	struct observer *observer = &observers[i];

	switch (habit_of(i)) {
	case STALLED:
		if (patient)
			break;
		observer_read(observer, SIZE_MAX);
		break;
	case SLOW:
		observer_read(observer, SLOW_READ);
		break;
	case VANISHING:
		observer_read(observer, SIZE_MAX);
		if (random() % 64)
			break;
		observer_close(observer);
		observer_open(observer, feed);
		n_vanished++;
		break;
	case HEALTHY:
		while (observer_read(observer, SIZE_MAX))
			;
		break;
	}
}

static void send_all(struct feed *feed, const struct pace *pace, size_t n_events)
{
	const uint64_t patience = limit_value(LIMIT_OBSERVER_STALL) * NS_PER_SECOND / 2;
	uint64_t stalled_since = clock_ns(CLOCK_MONOTONIC), now;
	size_t sent = 0;
	bool patient;

	while (slowest_healthy() < n_events) {
		size_t room = slowest_healthy() + pace->window - sent;
		size_t n = MIN(n_events - sent, pace->batch);

		n = MIN(n, room);
		if (feed_offer(feed, n) != n)
			errx(1, "the ring is full: %zu records wait", feed_waiting(feed));
		sent += n;
		now = clock_ns(CLOCK_MONOTONIC);
		patient = now - stalled_since < patience;
		stalled_since = patient ? stalled_since : now;
		for (size_t i = 0; i < OBSERVERS; i++)
			live(feed, i, patient);
	}
}

/* Everybody reads now, and every number is accounted for. */
static void read_the_rest(uint64_t last)
{
	for (size_t i = 0; i < OBSERVERS; i++) {
		struct observer *observer = &observers[i];
		struct pollfd fd = {.fd = observer->fd, .events = POLLIN};

		/* One that came when all was sent has nothing to get. */
		while (observer->last < last && (observer->first || habit_of(i) != VANISHING)) {
			if (poll(&fd, 1, 60000) != 1)
				errx(1, "observer %zu waits behind number %" PRIu64, i, observer->last);
			while (observer_read(observer, SIZE_MAX))
				;
		}
	}
}

static void check(size_t n_events)
{
	uint64_t received = 0, lost = 0;

	for (size_t i = 0; i < OBSERVERS; i++) {
		const struct observer *observer = &observers[i];
		uint64_t sent = observer->first ? n_events - observer->first + 1 : 0;

		if (habit_of(i) != VANISHING && observer->first != 1)
			errx(1, "observer %zu began with number %" PRIu64, i, observer->first);
		if (observer_accounted(observer) != sent)
			errx(1, "observer %zu: %" PRIu64 " received, %" PRIu64 " lost, of %" PRIu64, i,
			     observer->received, observer->lost, sent);
		received += observer->received;
		lost += observer->lost;
	}
	if (!lost)
		errx(1, "nobody lost anything: too few events to show how");
	printf("%zu events to %d observers: %" PRIu64 " received, %" PRIu64 " reported lost, %zu "
	       "vanished\n", n_events, OBSERVERS, received, lost, n_vanished);
}

int main(int argc, char **argv)
{
	size_t n_events = argc > 2 ? strtoul(argv[2], NULL, 10) : 3500, before, peak;
	const struct pace *pace = argc > 3 ? &bare : &with_branches;
	struct feed feed;
	uint64_t started;

	srandom(1);
	feed_start(&feed, argv[1]);
	feed_attach(&feed, "recorded", pace == &bare);
	for (size_t i = 0; i < OBSERVERS; i++)
		observer_open(&observers[i], &feed);
	before = feed_peak_memory(&feed);
	started = clock_ns(CLOCK_MONOTONIC);
	send_all(&feed, pace, n_events);
	printf("%.0f events per second, %.2f s of CPU time\n",
	       n_events * 1e9 / (clock_ns(CLOCK_MONOTONIC) - started), feed_cpu(&feed) / 1e9);
	peak = feed_peak_memory(&feed);
	read_the_rest(n_events);
	check(n_events);
	printf("memory: %zu KB before, %zu KB at most\n", before >> 10, peak >> 10);
	/* What waits is shared: each slow one alone might have had so much. */
	if (peak - before > OBSERVERS / 10 * 2 * limit_value(LIMIT_OBSERVER_BYTES))
		errx(1, "more than the limit");
	for (size_t i = 0; i < OBSERVERS; i++)
		observer_close(&observers[i]);
	feed_stop(&feed);
	return 0;
}
