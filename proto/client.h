/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of one Varlink connection. Synchronous where asked, tied to no event loop. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "proto/json-reader.h"

enum client_error {
	CLIENT_E_NO_SOCKET = 1, /* nothing has that path */
	CLIENT_E_REFUSED, /* the socket is there, nobody listens */
	CLIENT_E_PERMISSION, /* the file system does not let us connect */
	CLIENT_E_CLOSED, /* the other end closed the connection */
	CLIENT_E_TIMEOUT,
	CLIENT_E_TOO_LARGE, /* a reply beyond `max_message` */
	CLIENT_E_MALFORMED, /* a reply that is no Varlink reply */
};

struct client;

/*
 * Connects to the Unix socket at `path`; waits at most a few seconds when its queue is full.
 * An enum client_error or a negative errno (-ENAMETOOLONG among them).
 */
int client_connect(const char *path, size_t max_message, struct client **ret);
/* The same over a connected socket, which the client owns from here on. -ENOMEM. */
int client_new(int fd, size_t max_message, struct client **ret);
/* Closes the connection. NULL is fine. */
void client_free(struct client *client);
DEFINE_CLEANUP(struct client *, client_free)

/* For a poll loop: POLLIN means client_next() with timeout 0 may have something. */
int client_fd(const struct client *client);

#define CLIENT_MORE (1u << 0)
#define CLIENT_ONEWAY (1u << 1)

/*
 * Sends one call. `method` is the full name; `parameters` is borrowed, NULL means none. Blocks
 * until the socket took the call, a few seconds at most: CLIENT_E_TIMEOUT. When the other end has
 * closed already this succeeds: client_next() then returns what it said before, or
 * CLIENT_E_CLOSED.
 */
int client_call(struct client *client, const char *method, struct json_object *parameters,
		unsigned int flags);

/*
 * The next reply as it came: *ret_length bytes, a NUL byte at (*ret)[*ret_length], valid until the
 * next call of client_next(). Waits `timeout_ms` at most, -1 without end, 0 not at all. Replies
 * that are already here come without any system call; when the last read took all, the next call
 * with timeout 0 leaves it to poll() to tell of more. CLIENT_E_TIMEOUT, CLIENT_E_CLOSED,
 * CLIENT_E_TOO_LARGE; -EINTR when a signal arrived; other negative errno.
 */
int client_next(struct client *client, int timeout_ms, const char **ret, size_t *ret_length);

/* The parts of a reply, all borrowed from it. */
struct client_reply {
	struct json_slice error; /* full name; .data NULL: not an error */
	struct json_slice parameters; /* text of the object, "{}" when absent */
	bool continues;
};

/*
 * Takes a reply apart in one walk: `take` is given the reader in front of the parameters, if there
 * are any, and leaves it behind them or sets its error. 0, or negative errno: the reader's.
 */
int client_walk_reply(const char *data, size_t length,
		      void (*take)(struct json_reader *r, void *userdata), void *userdata,
		      struct client_reply *ret);
/* The same, passing over the parameters, which must be an object. 0 or CLIENT_E_MALFORMED. */
int client_parse_reply(const char *data, size_t length, struct client_reply *ret);
