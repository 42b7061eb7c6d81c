/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts. The rule that must not break: no failure of accept() may spin the loop, and only one
 * that cannot pass ends the service.
 */
#include "daemon/wire/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "daemon/wire/event-clear.h"
#include "daemon/wire/peer.h"
#include "daemon/wire/server-internal.h"

/* Connections taken in a row before those that are there have their turn. */
#define ACCEPTS_PER_TURN 16u
/* The wait when descriptors or memory ran out. */
#define BACKOFF_MS 200

struct listener {
	LIST_ENTRY(listener) link;
	struct server *server;
	int fd;
	struct event *accept_event, *backoff_event;
	char *path; /* NULL: not ours to remove */
	dev_t device;
	ino_t inode;
};

static void back_off(struct listener *listener)
{
	struct timeval wait = { .tv_usec = BACKOFF_MS * 1000 };

	/* Without memory for the wait there is none. */
	if (event_add(listener->backoff_event, &wait) == 0)
		event_del(listener->accept_event);
}

static void on_backoff(evutil_socket_t fd, short what, void *userdata)
{
	struct listener *listener = userdata;

	event_add(listener->accept_event, NULL);
}

static void accept_failed(struct listener *listener, int error)
{
	struct server *server = listener->server;

	switch (error) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
	case EPERM: /* a security module's verdict on that client */
		return;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		back_off(listener);
		return;
	default:
		event_del(listener->accept_event);
		if (server->events.listener_failed)
			server->events.listener_failed(-error, server->userdata);
	}
}

static void on_connection(evutil_socket_t listening, short what, void *userdata)
{
	struct listener *listener = userdata;
	struct server *server = listener->server;

	for (unsigned int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct peer *peer;

		if (fd < 0) {
			accept_failed(listener, errno);
			return;
		}
		if (peer_new(server, fd, &peer) == -ENOMEM)
			back_off(listener);
	}
}

static void listener_free(struct listener *listener)
{
	struct stat st;

	event_clear(&listener->accept_event);
	event_clear(&listener->backoff_event);
	close_fd(listener->fd);
	/* Only our own file: another lbrd may have replaced it meanwhile. */
	if (listener->path && stat(listener->path, &st) == 0 &&
			st.st_dev == listener->device && st.st_ino == listener->inode)
		unlink(listener->path);
	free(listener->path);
	free(listener);
}

static int remember_file(struct listener *listener, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	listener->path = strdup(path);
	if (!listener->path)
		return -ENOMEM;
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	return 0;
}

int listener_new(struct server *server, int fd, const char *path)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener) {
		close_fd(fd);
		return -ENOMEM;
	}
	listener->server = server;
	listener->fd = fd;
	r = path ? remember_file(listener, path) : 0;
	if (r == 0) {
		listener->accept_event = event_new(server->base, fd, EV_READ | EV_PERSIST,
				on_connection, listener);
		listener->backoff_event = evtimer_new(server->base, on_backoff, listener);
		if (!listener->accept_event || !listener->backoff_event ||
				event_add(listener->accept_event, NULL) < 0)
			r = -ENOMEM;
	}
	if (r < 0) {
		listener_free(listener);
		return r;
	}
	LIST_INSERT_HEAD(&server->listeners, listener, link);
	return 0;
}

void listener_free_all(struct server *server)
{
	struct listener *listener;

	while ((listener = LIST_FIRST(&server->listeners))) {
		LIST_REMOVE(listener, link);
		listener_free(listener);
	}
}
