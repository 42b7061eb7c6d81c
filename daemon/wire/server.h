/* SPDX-License-Identifier: Apache-2.0 */
/* The Varlink server: listener, peers, calls and their dispatch. */
#pragma once

#include <event2/event.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/wire/account.h"
#include "daemon/wire/frame.h"

struct call;
struct peer;
struct server;

/*
 * A method of the served interface. Before the handler runs, the parameters have been checked
 * against the interface file: unknown members, wrong types and missing required members have been
 * answered with org.varlink.service.InvalidParameter.
 *
 * `parameters` is never NULL ({} when absent) and is borrowed for the duration of the handler.
 *
 * The handler answers with exactly one of call_reply(), call_error(), or keeps the call open by
 * call_stream() and ends it later. It returns 0, or a negative errno when it failed before it
 * answered; the server then answers the error Internal (message, hint) of the served interface.
 * A handler must not answer and fail.
 */
struct method {
	const char *name; /* without the interface: "Attach" */
	unsigned int flags; /* METHOD_* */
	int (*handler)(struct call *call, struct json_object *parameters, void *userdata);
	unsigned int permission; /* for authorize() of the config, which alone knows its meaning */
};

/* The errors every Varlink service has, for call_error(). */
#define VARLINK_E_INTERFACE_NOT_FOUND "org.varlink.service.InterfaceNotFound"
#define VARLINK_E_METHOD_NOT_FOUND "org.varlink.service.MethodNotFound"
#define VARLINK_E_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_E_INVALID_PARAMETER "org.varlink.service.InvalidParameter" /* parameter */
#define VARLINK_E_PERMISSION_DENIED "org.varlink.service.PermissionDenied"
#define VARLINK_E_EXPECTED_MORE "org.varlink.service.ExpectedMore"

#define METHOD_MORE (1u << 0) /* only with `more`; else the server answers ExpectedMore */

/*
 * Whoever meets one is told LimitReached of the served interface: `name` is "callBytes",
 * "jsonDepth", or that of a resource. Only then a connection ends that cannot go on.
 */
struct server_limits {
	size_t max_message; /* bytes of one call */
	unsigned int max_depth; /* of JSON nesting */
	unsigned int turn_calls; /* of one peer, before the others have their turn */
	size_t max_queued_replies; /* bytes of unsent replies before no further call is read */
	struct account_config users; /* its first resources are the server's own */
};

/* What the server tells its owner; any may be NULL. */
struct server_events {
	/* A peer is gone (its calls were closed before). `userdata` as in the config. */
	void (*peer_gone)(struct peer *peer, void *userdata);
	/* The listening socket failed for good: the daemon cannot serve any more. */
	void (*listener_failed)(int error, void *userdata);
	/* One peer misbehaved or was dropped for a reason worth a line in the journal. */
	void (*peer_dropped)(struct peer *peer, const char *reason, void *userdata);
	/* A handler failed with this negative errno; the client has been answered Internal. */
	void (*call_failed)(const char *method, int error, void *userdata);
};

struct server_config {
	struct event_base *base;
	const char *interface_text; /* the whole .varlink file; not copied */
	const struct method *methods; /* ended by .name == NULL; not copied */
	const char *vendor, *product, *version, *url; /* for GetInfo */
	struct server_limits limits;
	struct server_events events;
	/*
	 * Whether a peer may call a method of the served interface: asked for each call, before
	 * its parameters are looked at. False: the call is answered with PermissionDenied and
	 * `*ret_why` (message, hint, groups; taken over, may be NULL). NULL: everybody may call
	 * everything. org.varlink.service is everybody's in any case.
	 */
	bool (*authorize)(struct peer *peer, const struct method *method,
			struct json_object **ret_why, void *userdata);
	void *userdata;
};

/*
 * The interface text is parsed and compared with the methods: -EINVAL when one has a method that
 * the other does not have, or when there is no error LimitReached (name: string, value: int,
 * hint: string).
 */
int server_new(const struct server_config *config, struct server **ret);
/* Closes all peers (their calls' on_closed run) and the listener. NULL is fine. */
void server_free(struct server *server);

/* Serves on a listening Unix socket (from systemd); owned by the server, also on failure. */
int server_listen_fd(struct server *server, int fd);
/*
 * Creates, binds and listens; the file has exactly `mode` from its first moment on (the umask of
 * the process changes meanwhile). A stale socket file is replaced, a live one is -EADDRINUSE, as is
 * anything else of that name. The file is removed by server_free().
 */
int server_listen_path(struct server *server, const char *path, mode_t mode);

/* What the kernel says of the other end (SO_PEERCRED at accept). */
struct peer_credentials {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};
const struct peer_credentials *peer_credentials(const struct peer *peer);
/* Its supplementary groups (SO_PEERGROUPS at accept), which live as long as the peer. */
size_t peer_groups(const struct peer *peer, const gid_t **ret);
/* What is charged to the user at the other end. Borrowed, as long as the peer lives. */
struct account *peer_account(const struct peer *peer);
unsigned int server_n_peers(const struct server *server);
/* Of all users, those that are not connected included. Borrowed. */
struct accounts *server_accounts(struct server *server);

/* ---- one call ---- */

struct peer *call_peer(struct call *call);
bool call_wants_more(const struct call *call);
/* Of the served interface, while the call is with its handler or open. */
const struct method *call_method(const struct call *call);

/*
 * The final reply. Takes over one reference of `parameters`. The call is gone afterwards. Oneway
 * calls send nothing. Never dropped however slow the peer is. -ENOMEM: there was no memory for it
 * (json-tree.h), so the client was told that instead.
 */
int call_reply(struct call *call, struct json_object *parameters);

/*
 * The same with the whole Varlink message, ending with its NUL byte and without `continues`. The
 * frame is shared: the call takes its own reference. NULL means that there was no memory for it:
 * the connection is lost.
 */
int call_reply_frame(struct call *call, struct frame *frame);

/* The final error; `name` with its interface ("io.lbrd.NoSuchAttachment"). Like call_reply(). */
int call_error(struct call *call, const char *name, struct json_object *parameters);

/* Ends the call with LimitReached: its user has as much of a resource as it may have. */
int call_limit_reached(struct call *call, unsigned int resource);

/*
 * The answer of a call that was kept open and then failed with this negative errno: what the server
 * answers when a handler returns one.
 */
void call_fail(struct call *call, int error);

/*
 * Keeps a call open after its handler returned: for further replies when it came with `more`, for
 * a later answer in any case. `on_closed` runs exactly once when the
 * peer vanished or the server is freed, not after call_reply()/call_error(); the call is gone when
 * it returns. `on_drained`, if set, runs from the event loop whenever all bytes queued for the
 * peer have been accepted by the socket after call_send() had left some queued.
 */
struct call_stream_events {
	void (*on_closed)(struct call *call, void *userdata);
	void (*on_drained)(struct call *call, void *userdata);
};
void call_stream(struct call *call, const struct call_stream_events *events, void *userdata);

/*
 * Sends one reply with `continues` of an open call. `frame` is a whole Varlink message, ending
 * with its NUL byte, and is shared: the call takes its own reference. Nothing is copied; with an
 * empty queue the bytes are sent at once, EV_WRITE is armed only for what the socket did not take.
 * The peer is never freed inside: a failed connection is reported by on_closed from the loop.
 * -EPIPE and -ENOMEM: the connection is lost; -EINVAL: the call did not come with `more`.
 */
int call_send(struct call *call, struct frame *frame);

/*
 * Like call_send(), but nothing is sent before call_flush(): the replies of one turn leave with one
 * system call. Whatever else is sent to the peer goes behind them.
 */
int call_queue(struct call *call, struct frame *frame);
void call_flush(struct call *call);

/* Like call_send() for a reply made for this peer alone. Takes over `parameters`. */
int call_send_json(struct call *call, struct json_object *parameters);

/* Bytes that wait for the peer to read. */
size_t call_queued(const struct call *call);

/* Nanoseconds up to `now` (CLOCK_MONOTONIC) since the socket last accepted a byte while some were
 * queued; 0 when nothing is queued. */
uint64_t call_stalled_for(const struct call *call, uint64_t now);

/* Drops the peer of a call from the loop (on_closed runs later); `reason` goes to peer_dropped. */
void call_drop_peer(struct call *call, const char *reason);

/*
 * Shutdown: lets queued bytes of all peers leave for at most `timeout_ms`. Waits for the sockets
 * alone and runs nothing of the loop, so it may be called anywhere. No call is read any more, and
 * nobody can connect.
 */
void server_flush(struct server *server, unsigned int timeout_ms);
