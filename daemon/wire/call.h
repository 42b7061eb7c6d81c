/* SPDX-License-Identifier: Apache-2.0 */
/* One call between its message and its last reply. Private to the room. */
#pragma once

#include "daemon/wire/server.h"

struct call {
	struct peer *peer;
	const struct method *method; /* NULL until it is found */
	bool more, oneway;
	bool open; /* by call_stream() */
	bool wants_drained; /* call_send() left bytes in the queue */
	struct call_stream_events events;
	void *userdata;
};

/* Makes the peer's current call. */
void call_begin(struct peer *peer, bool more, bool oneway);
/* The peer is gone or going: tells the owner of an open call. */
void call_abort(struct call *call);
/* All bytes of the peer are accepted by its socket. The call may be gone afterwards. */
void call_drained(struct call *call);

/* A whole message: `error` NULL for a reply. `parameters` is borrowed; see json_tree_write(). */
int call_render(const char *error, struct json_object *parameters, bool continues,
		struct frame **ret);
