/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one delivery of a message costs its sender, in one of three senders over Unix stream
 * sockets, all read by one process that only drains. Prints nanoseconds of the sender's CPU time
 * and of time for each delivery. fanout.py runs it.
 *
 * raw: nothing but the system calls: send() of each message as it comes; for a backlog, writev() of
 *      16 messages to each socket that takes some.
 * lbrd: hub and wire server of lbrd, fed with frames; turns and pauses as the pipeline makes them.
 * redis: a redis-server (its pid is given), fed by PUBLISH, 64 ahead when there is a backlog.
 *
 * live: a message is sent when all have read the one before. backlog: there is always more to send.
 * usage: fanout raw|lbrd|redis live|backlog OBSERVERS MESSAGES SOCKET [PID]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/hub.h"
#include "daemon/api/limits.h"

#define MESSAGE 6144
#define WRITEV 16
#define AHEAD 64 /* PUBLISH commands without an answer */
#define MAX_OBSERVERS 384 /* what root may have: limits.c */

struct bench {
	size_t n_observers, n_messages;
	bool backlog;
	const char *path;
	int read_all; /* eventfd: the reader has read a message (live) or all of them (backlog) */
	int ready; /* eventfd: all observers are connected */
	size_t greeting; /* bytes that each observer gets first */
	size_t delivery; /* bytes of one delivery */
	uint64_t cpu, time;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void signal_fd(int fd)
{
	if (eventfd_write(fd, 1) < 0)
		die("eventfd");
}

static void await_fd(int fd)
{
	eventfd_t value;

	if (eventfd_read(fd, &value) < 0)
		die("eventfd");
}

/* ---- the reader: another process ---- */

static int connect_to(const char *path, const char *hello, size_t length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
			(length && send(fd, hello, length, 0) != (ssize_t)length))
		die(path);
	return fd;
}

static void read_exactly(int fd, size_t n)
{
	char buffer[256];

	while (n > 0) {
		ssize_t got = recv(fd, buffer, MIN(n, sizeof(buffer)), 0);

		if (got <= 0)
			die("greeting");
		n -= got;
	}
}

static void run_reader(const struct bench *bench, const char *hello, size_t length)
{
	static char buffer[1 << 18];
	size_t step = bench->n_observers * bench->delivery, pending = 0;
	struct epoll_event events[64];
	int epoll = epoll_create1(0);

	for (size_t i = 0; i < bench->n_observers; i++) {
		int fd = connect_to(bench->path, hello, length);

		read_exactly(fd, bench->greeting);
		events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, events) < 0)
			die("epoll_ctl");
	}
	if (bench->backlog)
		step *= bench->n_messages;
	signal_fd(bench->ready);
	for (;;) {
		int n = epoll_wait(epoll, events, ARRAY_SIZE(events), -1);

		for (int i = 0; i < n; i++) {
			ssize_t got = recv(events[i].data.fd, buffer, sizeof(buffer), MSG_DONTWAIT);

			if (got == 0)
				exit(0); /* the sender is done */
			if (got > 0)
				pending += got;
		}
		if (pending < step)
			continue;
		pending -= step;
		signal_fd(bench->read_all);
	}
}

static void start_reader(const struct bench *bench, const char *hello, size_t length)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run_reader(bench, hello, length);
}

/* ---- raw ---- */

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
			listen(fd, MAX_OBSERVERS) < 0)
		die(path);
	return fd;
}

static void raw_live(struct bench *bench, const int *fds, const char *message)
{
	for (size_t m = 0; m < bench->n_messages; m++) {
		for (size_t i = 0; i < bench->n_observers; i++)
			if (send(fds[i], message, MESSAGE, MSG_NOSIGNAL | MSG_DONTWAIT) != MESSAGE)
				die("send");
		await_fd(bench->read_all);
	}
}

/* False: the socket is full. */
static bool raw_write(int fd, const char *message, size_t total, size_t *sent)
{
	size_t offset = *sent % MESSAGE, left = total - *sent, n = 0;
	struct iovec vectors[WRITEV];
	ssize_t got;

	for (; n < WRITEV && left > 0; n++, offset = 0) {
		vectors[n] = (struct iovec){(char *)message + offset, MIN(MESSAGE - offset, left)};
		left -= vectors[n].iov_len;
	}
	got = writev(fd, vectors, n);
	if (got < 0 && errno != EAGAIN)
		die("writev");
	if (got > 0)
		*sent += got;
	return got > 0;
}

static void raw_backlog(struct bench *bench, const int *fds, const char *message)
{
	size_t sent[MAX_OBSERVERS] = {}, total = bench->n_messages * MESSAGE;
	size_t unfinished = bench->n_observers;
	struct epoll_event events[64];
	int epoll = epoll_create1(0);

	for (size_t i = 0; i < bench->n_observers; i++) {
		events[0] = (struct epoll_event){.events = EPOLLOUT | EPOLLET, .data.u64 = i};
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
		epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], events);
	}
	while (unfinished > 0) {
		int n = epoll_wait(epoll, events, ARRAY_SIZE(events), -1);

		for (int k = 0; k < n; k++) {
			size_t i = events[k].data.u64;

			if (sent[i] == total)
				continue;
			while (sent[i] < total && raw_write(fds[i], message, total, &sent[i]))
				;
			unfinished -= sent[i] == total;
		}
	}
	await_fd(bench->read_all);
}

static void run_raw(struct bench *bench)
{
	static char message[MESSAGE];
	int listening = listen_on(bench->path), fds[MAX_OBSERVERS];

	bench->delivery = MESSAGE;
	start_reader(bench, NULL, 0);
	for (size_t i = 0; i < bench->n_observers; i++)
		fds[i] = accept(listening, NULL, NULL);
	await_fd(bench->ready);
	bench->cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	bench->time = clock_ns(CLOCK_MONOTONIC);
	(bench->backlog ? raw_backlog : raw_live)(bench, fds, message);
	bench->time = clock_ns(CLOCK_MONOTONIC) - bench->time;
	bench->cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - bench->cpu;
}

/* ---- lbrd ---- */

struct feed {
	struct bench *bench;
	struct event_base *base;
	struct event *turn;
	struct hub *hub;
	struct frame *frame;
	struct source source;
	size_t published;
};

static void publish(struct feed *feed)
{
	static const struct snapshot snapshot;
	const uint32_t attachment = 1;
	const struct audience audience = {&feed->source, false, 1, &attachment};
	struct observation *observation;

	if (observation_new(&snapshot, &audience, hub_next_sequence(feed->hub), &observation) < 0)
		die("observation");
	observation->frames[VIEW_BRANCHES] = frame_ref(feed->frame);
	hub_publish(feed->hub, observation);
	observation_unref(observation);
	feed->published++;
}

/* As the pipeline drains the ring, which is always readable here. */
static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
	size_t n = limit_value(LIMIT_TURN_RECORDS);
	struct feed *feed = userdata;

	if (hub_is_busy(feed->hub)) {
		event_del(feed->turn);
		return;
	}
	while (n-- && feed->published < feed->bench->n_messages)
		publish(feed);
	hub_flush(feed->hub);
	if (feed->published == feed->bench->n_messages)
		event_del(feed->turn);
}

static void on_drained(void *userdata)
{
	struct feed *feed = userdata;

	if (feed->bench->backlog && feed->published < feed->bench->n_messages)
		event_add(feed->turn, NULL);
}

static void on_subscribed(void *userdata)
{
}

/* By the edge, without a read: the ring of lbrd needs none either. */
static void on_read_all(evutil_socket_t fd, short what, void *userdata)
{
	struct feed *feed = userdata;

	if (feed->published == feed->bench->n_messages) {
		event_base_loopbreak(feed->base);
		return;
	}
	publish(feed);
	hub_flush(feed->hub);
}

static void on_ready(evutil_socket_t fd, short what, void *userdata)
{
	event_base_loopbreak(userdata);
}

static int watch(struct call *call, struct json_object *parameters, void *userdata)
{
	const struct subscription_config config = {.view = VIEW_BRANCHES};
	struct json_object *ready = json_object_new_object();
	struct feed *feed = userdata;

	json_object_object_add(ready, "ready", json_object_new_boolean(true));
	call_send_json(call, ready);
	return hub_subscribe(feed->hub, call, &config);
}

static struct server *serve(struct feed *feed)
{
	static const struct method methods[] = {{"Watch", METHOD_MORE, watch}, {}};
	struct server_config config = {
		.base = feed->base,
		.interface_text = "interface a.b method Watch() -> (ready: ?bool)"
				  "error LimitReached (name: string, value: int, hint: string)",
		.methods = methods,
		.limits = {.max_message = 1 << 20, .max_depth = 16, .turn_calls = 32},
		.userdata = feed,
	};
	struct server *server;

	limits_of_users(&config.limits.users);
	if (server_new(&config, &server) < 0 ||
			server_listen_path(server, feed->bench->path, 0600) < 0)
		die("server");
	return server;
}

static void run_lbrd(struct bench *bench)
{
	static const char hello[] = "{\"method\":\"a.b.Watch\",\"more\":true}";
	static const char greeting[] = "{\"parameters\":{\"ready\":true},\"continues\":true}";
	struct feed feed = {.bench = bench, .base = event_base_new()};
	struct hub_config config = {
		.base = feed.base,
		.drained = on_drained,
		.subscribed = on_subscribed,
		.userdata = &feed,
	};
	struct event *ready, *read_all;
	struct server *server;

	feed.turn = event_new(feed.base, eventfd(1, 0), EV_READ | EV_PERSIST, on_turn, &feed);
	ready = event_new(feed.base, bench->ready, EV_READ, on_ready, feed.base);
	read_all = event_new(feed.base, bench->read_all, EV_READ | EV_PERSIST | EV_ET, on_read_all,
			&feed);
	feed.source.n_refs = 1;
	if (encoder_new(NULL, &config.encoder) < 0 || hub_new(&config, &feed.hub) < 0 ||
			frame_new(MESSAGE, &feed.frame) < 0)
		die("hub");
	memset(feed.frame->data, 'x', MESSAGE - 1);
	feed.frame->data[MESSAGE - 1] = '\0';
	server = serve(&feed);
	bench->delivery = MESSAGE;
	bench->greeting = sizeof(greeting);
	start_reader(bench, hello, sizeof(hello));
	event_add(ready, NULL);
	event_base_dispatch(feed.base);
	event_add(read_all, NULL);
	bench->cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	bench->time = clock_ns(CLOCK_MONOTONIC);
	if (bench->backlog)
		event_add(feed.turn, NULL);
	else
		signal_fd(bench->read_all);
	event_base_dispatch(feed.base);
	bench->time = clock_ns(CLOCK_MONOTONIC) - bench->time;
	bench->cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - bench->cpu;
	server_free(server);
	hub_free(feed.hub);
	encoder_free(config.encoder);
	frame_unref(feed.frame);
	event_free(ready);
	event_free(read_all);
	event_free(feed.turn);
	event_base_free(feed.base);
}

/* ---- redis ---- */

/* Nanoseconds that a process has run: the first number of its schedstat. */
static uint64_t cpu_of(const char *pid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%llu", &ns) != 1)
		die(path);
	fclose(file);
	return ns;
}

/* ":64\r\n" for each PUBLISH: to how many it went. */
static void await_answers(int fd, size_t n)
{
	char buffer[4096];

	while (n > 0) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

		if (got <= 0)
			die("redis");
		for (ssize_t i = 0; i < got; i++)
			n -= buffer[i] == '\n';
	}
}

static void run_redis(struct bench *bench, const char *pid)
{
	static const char hello[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n";
	static const char greeting[] = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
	static const char before[] = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$6144\r\n";
	static const char publish[] = "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$6144\r\n";
	static char command[sizeof(publish) - 1 + MESSAGE + 2];
	size_t waiting = 0;
	int fd;

	memcpy(command, publish, sizeof(publish) - 1);
	memset(command + sizeof(publish) - 1, 'x', MESSAGE);
	memcpy(command + sizeof(command) - 2, "\r\n", 2);
	bench->greeting = sizeof(greeting) - 1;
	bench->delivery = sizeof(before) - 1 + MESSAGE + 2;
	start_reader(bench, hello, sizeof(hello) - 1);
	await_fd(bench->ready);
	fd = connect_to(bench->path, NULL, 0);
	bench->cpu = cpu_of(pid);
	bench->time = clock_ns(CLOCK_MONOTONIC);
	for (size_t m = 0; m < bench->n_messages; m++) {
		if (send(fd, command, sizeof(command), 0) != sizeof(command))
			die("send");
		if (++waiting == (bench->backlog ? AHEAD : 1)) {
			await_answers(fd, waiting);
			waiting = 0;
		}
		if (!bench->backlog)
			await_fd(bench->read_all);
	}
	await_answers(fd, waiting);
	if (bench->backlog)
		await_fd(bench->read_all);
	bench->time = clock_ns(CLOCK_MONOTONIC) - bench->time;
	bench->cpu = cpu_of(pid) - bench->cpu;
}

int main(int argc, char **argv)
{
	struct bench bench = {
		.backlog = argc > 2 && !strcmp(argv[2], "backlog"),
		.n_observers = argc > 3 ? strtoul(argv[3], NULL, 10) : 0,
		.n_messages = argc > 4 ? strtoul(argv[4], NULL, 10) : 0,
		.path = argc > 5 ? argv[5] : NULL,
		.read_all = eventfd(0, 0),
		.ready = eventfd(0, 0),
	};
	double deliveries = (double)bench.n_observers * bench.n_messages;

	if (!bench.path || !bench.n_messages || !bench.n_observers ||
			bench.n_observers > MAX_OBSERVERS) {
		fprintf(stderr, "usage: fanout raw|lbrd|redis live|backlog OBSERVERS MESSAGES "
				"SOCKET [PID]\n");
		return 2;
	}
	if (!strcmp(argv[1], "raw"))
		run_raw(&bench);
	else if (!strcmp(argv[1], "lbrd"))
		run_lbrd(&bench);
	else
		run_redis(&bench, argv[6]);
	printf("%.1f %.1f\n", bench.cpu / deliveries, bench.time / deliveries);
	return 0;
}
