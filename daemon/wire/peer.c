/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection reads one call, has it answered, and only then reads the next: so answers are in
 * order, and what a client sends ahead waits in its socket, not in our memory. The rules that must
 * not break: a peer is freed by its work event alone, never while one of its functions runs; and
 * an end of the connection is noticed in every state, also while nothing is read.
 */
#include "daemon/wire/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "daemon/wire/call.h"
#include "daemon/wire/dispatch.h"
#include "daemon/wire/event-clear.h"
#include "daemon/wire/server-internal.h"

/* How long a connection that ends may take to read what is queued for it. */
#define CLOSE_TIMEOUT_S 10

/*
 * Whether nobody holds the other end any more. A client that only shut down its sending side is
 * not gone: that is POLLRDHUP without POLLHUP.
 */
static bool is_hung_up(const struct peer *peer)
{
	struct pollfd fd = { .fd = peer->fd };

	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLHUP | POLLERR);
}

static void schedule_work(struct peer *peer)
{
	event_active(peer->work_event, EV_READ, 0);
}

/* ---- the end ---- */

static void charge_output(struct peer *peer)
{
	if (peer->output_charge.amount != peer->output.bytes)
		charge_force(&peer->output_charge, peer->output.bytes);
}

void peer_charge_output(struct peer *peer, unsigned int resource)
{
	charge_move(&peer->output_charge, resource);
}

static void note_reason(struct peer *peer, const char *reason)
{
	if (reason && !peer->drop_reason[0])
		snprintf(peer->drop_reason, sizeof(peer->drop_reason), "%s", reason);
}

void peer_drop(struct peer *peer, const char *reason)
{
	if (peer->dead)
		return;
	note_reason(peer, reason);
	peer->dead = true;
	event_del(peer->read_event);
	event_del(peer->write_event);
	event_del(peer->work_event);
	output_deinit(&peer->output);
	charge_output(peer);
	schedule_work(peer);
}

void peer_close(struct peer *peer, const char *reason)
{
	struct timeval timeout = { .tv_sec = CLOSE_TIMEOUT_S };

	note_reason(peer, reason);
	peer->closing = true;
	/* From here on the work event is a timer, not a turn that was asked for before. */
	event_del(peer->work_event);
	if (peer->output.bytes == 0 || event_add(peer->work_event, &timeout) < 0)
		peer_drop(peer, NULL);
}

void peer_refuse(struct peer *peer, struct json_object *parameters, const char *reason)
{
	_cleanup_(frame_unref_p) struct frame *frame = NULL;

	if (call_render(peer->server->limit_error, parameters, false, &frame) == 0)
		peer_send(peer, frame);
	json_object_put(parameters);
	if (!peer->dead)
		peer_close(peer, reason);
}

static void release_charges(struct peer *peer)
{
	charge_release(&peer->output_charge);
	charge_release(&peer->input_charge);
	charge_release(&peer->connection);
}

void peer_free(struct peer *peer)
{
	struct server *server = peer->server;

	peer->dead = true;
	if (peer->drop_reason[0] && server->events.peer_dropped)
		server->events.peer_dropped(peer, peer->drop_reason, server->userdata);
	if (peer->call)
		call_abort(peer->call);
	if (server->events.peer_gone)
		server->events.peer_gone(peer, server->userdata);
	LIST_REMOVE(peer, link);
	server->n_peers--;
	event_clear(&peer->read_event);
	event_clear(&peer->write_event);
	event_clear(&peer->work_event);
	output_deinit(&peer->output);
	framing_deinit(&peer->input);
	release_charges(peer);
	free(peer->groups);
	close_fd(peer->fd);
	free(peer);
}

/* ---- input ---- */

static bool may_read_call(const struct peer *peer)
{
	return !peer->dead && !peer->closing && !peer->call && !peer->server->flushing &&
		peer->output.bytes <= peer->server->limits.max_queued_replies;
}

/* What every connection may take to read its calls is not counted. */
static bool charge_input(struct peer *peer)
{
	static const size_t free_of_charge = 65536;
	size_t capacity = peer->input.capacity;

	return charge_resize(&peer->input_charge,
			     capacity > free_of_charge ? capacity - free_of_charge : 0);
}

/* False: there is nothing to read now, or the connection is at its end. */
static bool read_input(struct peer *peer)
{
	char *room;
	size_t size;
	ssize_t n;

	if (!peer->readable) {
		framing_trim(&peer->input);
		charge_input(peer);
		return false;
	}
	if (framing_reserve(&peer->input, &room, &size) < 0) {
		peer_drop(peer, "out of memory");
		return false;
	}
	if (!charge_input(peer)) {
		peer_refuse(peer, account_refusal(peer_account(peer), RESOURCE_CALL_BYTES),
			    "its user has too many bytes of unfinished calls");
		return false;
	}
	n = recv(peer->fd, room, size, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		peer->readable = false;
	else if (n < 0 && errno != EINTR)
		peer_drop(peer, NULL);
	else if (n == 0)
		peer->end_of_input = true;
	else if (n > 0)
		framing_commit(&peer->input, n);
	return !peer->dead;
}

/* One message, or else one read. False: nothing to go on with. */
static bool step(struct peer *peer)
{
	const char *message;
	size_t length;
	int r;

	r = framing_next(&peer->input, &message, &length);
	if (r > 0) {
		dispatch_message(peer, message, length);
		return true;
	}
	if (r < 0) {
		peer_refuse(peer, limit_refusal("callBytes", peer->input.max_message,
						"Ask for less in one call."),
			    "message too large");
		return false;
	}
	if (peer->end_of_input) {
		peer_close(peer, NULL);
		return false;
	}
	return read_input(peer);
}

static void pump(struct peer *peer)
{
	unsigned int n = 0, max = peer->server->limits.turn_calls;

	peer->pumping = true;
	while (n < max && may_read_call(peer) && step(peer))
		n++;
	peer->pumping = false;
	if (n == max && may_read_call(peer))
		schedule_work(peer);
	/* While a call is open nothing is read, and the edge that told of the end may have been
	 * the one that brought the call: so it is asked for. Without a call the end is read, or
	 * found by the writing that is still due. */
	if (peer->call && is_hung_up(peer))
		peer_drop(peer, NULL);
}

void peer_call_finished(struct peer *peer)
{
	if (!peer->pumping && !peer->dead && !peer->closing)
		schedule_work(peer);
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
	struct peer *peer = userdata;

	peer->readable = true;
	pump(peer);
}

static void on_work(evutil_socket_t fd, short what, void *userdata)
{
	struct peer *peer = userdata;

	if (peer->dead)
		peer_free(peer);
	else if (peer->closing)
		peer_drop(peer, "did not read its last replies");
	else
		pump(peer);
}

/* ---- output ---- */

static void want_writable(struct peer *peer)
{
	if (event_add(peer->write_event, NULL) < 0)
		peer_drop(peer, "out of memory");
}

int peer_hold(struct peer *peer, struct frame *frame)
{
	if (peer->dead)
		return -EPIPE;
	if (peer->output.bytes == 0)
		peer->held = true;
	if (output_push(&peer->output, frame) < 0) {
		peer_drop(peer, "out of memory");
		return -ENOMEM;
	}
	charge_output(peer);
	return 0;
}

void peer_release(struct peer *peer)
{
	if (!peer->held || peer->dead)
		return;
	peer_flush(peer);
	peer->held = false;
	if (!peer->dead && peer->output.bytes > 0)
		want_writable(peer);
}

int peer_send(struct peer *peer, struct frame *frame)
{
	bool was_empty;
	ptrdiff_t n;

	peer_release(peer);
	if (peer->dead)
		return -EPIPE;
	was_empty = peer->output.bytes == 0;
	n = output_send_frame(&peer->output, peer->fd, frame);
	if (n < 0) {
		peer_drop(peer, n == -ENOMEM ? "out of memory" : NULL);
		return n == -ENOMEM ? -ENOMEM : -EPIPE;
	}
	if (was_empty && peer->output.bytes == 0)
		return 0;
	charge_output(peer);
	if (peer->call)
		peer->call->wants_drained = true;
	if (was_empty) {
		peer->progress_at = clock_ns(CLOCK_MONOTONIC);
		want_writable(peer);
	}
	return 0;
}

void peer_flush(struct peer *peer)
{
	ptrdiff_t n = output_send(&peer->output, peer->fd);

	if (n < 0)
		peer_drop(peer, NULL);
	else if (peer->output.bytes > 0 && (n > 0 || peer->held))
		peer->progress_at = clock_ns(CLOCK_MONOTONIC);
	charge_output(peer);
}

static void on_writable(evutil_socket_t fd, short what, void *userdata)
{
	struct peer *peer = userdata;

	peer_flush(peer);
	if (peer->dead)
		return;
	if (peer->output.bytes > 0) {
		want_writable(peer);
	} else if (peer->closing) {
		peer_drop(peer, NULL);
		return;
	} else if (peer->call) {
		call_drained(peer->call);
	}
	if (may_read_call(peer))
		pump(peer);
}

/* ---- the beginning ---- */

static int add_events(struct peer *peer)
{
	struct event_base *base = peer->server->base;

	peer->read_event =
		event_new(base, peer->fd, EV_READ | EV_PERSIST | EV_ET, on_readable, peer);
	peer->write_event = event_new(base, peer->fd, EV_WRITE | EV_ET, on_writable, peer);
	peer->work_event = evtimer_new(base, on_work, peer);
	if (!peer->read_event || !peer->write_event || !peer->work_event)
		return -ENOMEM;
	return event_add(peer->read_event, NULL) < 0 ? -ENOMEM : 0;
}

/* The kernel keeps what the other end had when it connected, whatever becomes of it. */
static int read_credentials(struct peer *peer)
{
	socklen_t length = sizeof(struct ucred), groups_length = 0;
	struct ucred ucred;

	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &ucred, &length) < 0)
		return -errno;
	peer->credentials = (struct peer_credentials){ ucred.uid, ucred.gid, ucred.pid };
	/* With no room it says how much is needed; with no group at all it succeeds. */
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &groups_length) == 0)
		return 0;
	if (errno != ERANGE)
		return -errno;
	peer->groups = malloc(groups_length);
	if (!peer->groups)
		return -ENOMEM;
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &groups_length) < 0)
		return -errno;
	peer->n_groups = groups_length / sizeof(*peer->groups);
	return 0;
}

/* Nothing of this waits: the client may have gone already, or may never read. */
static int turn_away(struct peer *peer, const struct account *account)
{
	struct json_object *parameters = account_refusal(account, RESOURCE_CONNECTIONS);
	_cleanup_(frame_unref_p) struct frame *frame = NULL;

	if (call_render(peer->server->limit_error, parameters, false, &frame) == 0)
		send(peer->fd, frame->data, frame->length, MSG_NOSIGNAL | MSG_DONTWAIT);
	json_object_put(parameters);
	return -EDQUOT;
}

static int open_charges(struct peer *peer)
{
	_cleanup_(account_unref_p) struct account *account = NULL;
	int r = accounts_get(peer->server->accounts, peer->credentials.uid, &account);

	if (r < 0)
		return r;
	if (!charge_take(&peer->connection, account, RESOURCE_CONNECTIONS, 1))
		return turn_away(peer, account);
	charge_take(&peer->input_charge, account, RESOURCE_CALL_BYTES, 0);
	charge_take(&peer->output_charge, account, RESOURCE_REPLY_BYTES, 0);
	return 0;
}

int peer_new(struct server *server, int fd, struct peer **ret)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int r = -ENOMEM;

	if (!peer)
		goto fail;
	peer->server = server;
	peer->fd = fd;
	r = read_credentials(peer);
	if (r < 0)
		goto fail;
	r = open_charges(peer);
	if (r < 0)
		goto fail;
	framing_init(&peer->input, server->limits.max_message);
	r = add_events(peer);
	if (r < 0)
		goto fail;
	LIST_INSERT_HEAD(&server->peers, peer, link);
	server->n_peers++;
	*ret = peer;
	return 0;
fail:
	if (peer) {
		event_clear(&peer->read_event);
		event_clear(&peer->write_event);
		event_clear(&peer->work_event);
		release_charges(peer);
		free(peer->groups);
	}
	free(peer);
	close_fd(fd);
	return r;
}

const struct peer_credentials *peer_credentials(const struct peer *peer)
{
	return &peer->credentials;
}

size_t peer_groups(const struct peer *peer, const gid_t **ret)
{
	*ret = peer->groups;
	return peer->n_groups;
}

struct account *peer_account(const struct peer *peer)
{
	return peer->connection.account;
}
