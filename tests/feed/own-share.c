/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two observers of one user, who may have but little waiting: one that does not read takes all of
 * it, and the other loses nothing as long as it keeps to its own megabyte. And when it pays to wait
 * for somebody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/api/hub.h"
#include "daemon/api/limits.h"
#include "tests/feed/observer.h"
#include "tests/unit/check.h"

#define EVENT 8000
#define STREAMS (4 << 20)

static struct event_base *base;
static struct hub *hub;
static char path[64];
static uint64_t published;

static void ignore(void *userdata)
{
}

static int watch(struct call *call, struct json_object *parameters, void *userdata)
{
	const struct subscription_config config = {.view = VIEW_BRANCHES};

	return hub_subscribe(hub, call, &config);
}

static struct server *make_server(void)
{
	static const struct method methods[] = {{.name = "Watch", .flags = METHOD_MORE, .handler = watch},
						{}};
	struct server_config config = {
		.base = base,
		.interface_text = "interface a.b method Watch() -> ()"
				  "error LimitReached (name: string, value: int, hint: string)",
		.methods = methods,
		.limits = {.max_message = 1000, .max_depth = 16, .turn_calls = 32},
	};
	struct server *server;

	limits_of_users(&config.limits.users);
	config.limits.users.resources[RESOURCE_STREAM_BYTES].total = STREAMS;
	config.limits.users.root_percent = config.limits.users.user_percent = 50;
	CHECK_EQ(server_new(&config, &server), 0);
	CHECK_EQ(server_listen_path(server, path, 0600), 0);
	return server;
}

static void turn_loop(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static struct observer connect_observer(void)
{
	static const char call[] = "{\"method\":\"a.b.Watch\",\"more\":true}";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct observer observer = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};

	strcpy(address.sun_path, path);
	CHECK_EQ(connect(observer.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(send(observer.fd, call, sizeof(call), 0), (ssize_t)sizeof(call));
	turn_loop();
	return observer;
}

static void publish(struct source *source, size_t n)
{
	const uint32_t attachment = 1;
	const struct audience audience = {source, false, 1, &attachment};
	static const struct snapshot snapshot;

	for (; n > 0; n--) {
		struct observation *observation;
		struct frame *frame;

		CHECK_EQ(observation_new(&snapshot, &audience, ++published, &observation), 0);
		CHECK_EQ(frame_new(EVENT, &frame), 0);
		memset(frame->data, ' ', EVENT);
		frame->data[EVENT - 1] = '\0';
		frame->data[snprintf(frame->data, EVENT, "{\"parameters\":{\"event\":{\"sequence\":%llu",
				     (unsigned long long)published)] = ' ';
		observation->frames[VIEW_BRANCHES] = frame;
		hub_publish(hub, observation);
		observation_unref(observation);
		hub_flush(hub);
	}
}

static void read_all(struct observer *observer)
{
	do
		turn_loop();
	while (observer_read(observer, SIZE_MAX));
}

static uint64_t skipped(void)
{
	struct hub_counters counters;

	hub_count(hub, &counters);
	return counters.skipped;
}

static void test_own_share(struct source *source)
{
	struct observer mute = connect_observer(), other = connect_observer();
	size_t n_own = limit_value(LIMIT_OBSERVER_OWN) / EVENT;

	/* The share is half of all: the one that does not read has it alone in the end. */
	while (!skipped()) {
		publish(source, 10);
		read_all(&other);
	}
	CHECK(published * EVENT > STREAMS / 2);
	CHECK(published * EVENT < STREAMS);
	for (int i = 0; i < 5; i++) {
		publish(source, n_own);
		read_all(&other);
		CHECK_EQ(other.received, published);
		CHECK_EQ(other.lost, 0);
	}
	/* Beyond its own it loses now, and is told. */
	publish(source, 3 * n_own);
	read_all(&other);
	CHECK(other.lost > 0);
	CHECK_EQ(observer_accounted(&other), published);
	/* What the mute one reads at last is there for all again. */
	read_all(&mute);
	CHECK(mute.lost > 0);
	CHECK_EQ(observer_accounted(&mute), published);
	publish(source, 2 * n_own);
	read_all(&mute);
	CHECK_EQ(observer_accounted(&mute), published);
	CHECK_EQ(other.last, published - 2 * n_own);
	read_all(&other);
	CHECK_EQ(observer_accounted(&other), published);
	close(mute.fd);
	close(other.fd);
	turn_loop();
}

static void test_whom_to_wait_for(struct source *source)
{
	size_t n_behind = limit_value(LIMIT_PACE_BYTES) / EVENT + 60; /* the socket takes some */
	struct observer one = connect_observer(), two;

	CHECK(!hub_is_busy(hub));
	publish(source, n_behind);
	CHECK(hub_is_busy(hub)); /* all are behind: nobody waits */
	read_all(&one);
	CHECK(!hub_is_busy(hub));

	two = connect_observer();
	publish(source, n_behind);
	read_all(&one);
	CHECK(hub_is_busy(hub)); /* one waits a moment */
	usleep((limit_value(LIMIT_PACE_WAIT) + 10) * 1000);
	CHECK(!hub_is_busy(hub));
	publish(source, 1);
	CHECK(!hub_is_busy(hub)); /* but not for the same again, */
	read_all(&two);
	read_all(&one);
	publish(source, n_behind);
	read_all(&one);
	CHECK(hub_is_busy(hub)); /* unless it has caught up in between */
	close(one.fd);
	close(two.fd);
	turn_loop();
}

int main(void)
{
	struct hub_config config = {.drained = ignore, .subscribed = ignore};
	struct source source = {.n_refs = 1};
	struct server *server;

	base = config.base = event_base_new();
	snprintf(path, sizeof(path), "/tmp/lbrd-own-share-%d", getpid());
	CHECK_EQ(encoder_new(NULL, &config.encoder), 0);
	CHECK_EQ(hub_new(&config, &hub), 0);
	server = make_server();
	test_own_share(&source);
	test_whom_to_wait_for(&source);
	server_free(server);
	hub_free(hub);
	encoder_free(config.encoder);
	event_base_free(base);
	return 0;
}
