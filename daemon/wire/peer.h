/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: its bytes in, its bytes out, and its life. Private to the room. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/wire/call.h"
#include "daemon/wire/output.h"
#include "daemon/wire/server.h"
#include "proto/framing.h"

struct peer {
	/* What sending needs stands together: in a fan-out it comes from a far cache. */
	struct output output;
	int fd;
	bool dead; /* only waits to be freed by work_event */
	bool held; /* what is queued was not offered to the socket yet */
	bool closing; /* no further call is read; ends when the output is empty */
	uint64_t progress_at; /* CLOCK_MONOTONIC: when the socket last took a byte of the queue */
	struct call *call; /* the one that is being answered: &only_call, or NULL */
	struct call only_call;
	struct charge output_charge;

	LIST_ENTRY(peer) link; /* server->peers */
	struct server *server;
	struct peer_credentials credentials;
	struct charge connection; /* holds the user's account */
	struct charge input_charge;
	gid_t *groups;
	size_t n_groups;

	/*
	 * All events of the socket are edge-triggered: a connection whose input is left alone while
	 * a stream is open wakes the loop only when something changes, its end included.
	 */
	struct event *read_event, *write_event;
	/* Runs from the loop with nothing of the peer on the stack: goes on reading, or frees. */
	struct event *work_event;

	struct framing input;
	bool readable; /* the socket has not said EAGAIN since the last edge */
	bool end_of_input;

	bool pumping;
	char drop_reason[96]; /* "" when there is nothing to tell */
};

/*
 * Takes over `fd`, also on failure. Negative errno; -EDQUOT when its user has as many connections
 * as it may, which the other end has been told.
 */
int peer_new(struct server *server, int fd, struct peer **ret);
/* Tells the owner of the open call and of the server, frees. Never from a callback of the peer. */
void peer_free(struct peer *peer);

/* Sends or queues a frame; takes its own reference. -EPIPE when the connection has failed. */
int peer_send(struct peer *peer, struct frame *frame);

/* Queues a frame without a system call, to leave with peer_release(). Else like peer_send(). */
int peer_hold(struct peer *peer, struct frame *frame);
/* Sends what was held: many frames at a time. */
void peer_release(struct peer *peer);

/* Sends what is queued as far as the socket takes it. */
void peer_flush(struct peer *peer);

/* The open call is answered: the next one may be read, from the loop. */
void peer_call_finished(struct peer *peer);

/* Lets the queued bytes leave, then ends the connection. `reason` may be NULL. */
void peer_close(struct peer *peer, const char *reason);
/*
 * Tells LimitReached and closes: what came cannot be read on. Takes over `parameters`, those of the
 * error. Only between two calls.
 */
void peer_refuse(struct peer *peer, struct json_object *parameters, const char *reason);
/* Counts what is queued as another resource. */
void peer_charge_output(struct peer *peer, unsigned int resource);
/* Ends the connection from the loop, whatever is queued. `reason` may be NULL. */
void peer_drop(struct peer *peer, const char *reason);
