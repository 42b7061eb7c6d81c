/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies and errors. The rule that must not break: a call is answered once, and is gone once it is
 * answered finally; a oneway call takes the same way and sends nothing.
 */
#include "daemon/wire/call.h"

#include <assert.h>
#include <errno.h>

#include "daemon/wire/peer.h"
#include "daemon/wire/server-internal.h"
#include "proto/json-writer.h"
#include "proto/message.h"

void call_begin(struct peer *peer, bool more, bool oneway)
{
	assert(!peer->call);
	peer->only_call = (struct call){ .peer = peer, .more = more, .oneway = oneway };
	peer->call = &peer->only_call;
}

static void call_finish(struct call *call)
{
	struct peer *peer = call->peer;

	if (call->open)
		peer_charge_output(peer, RESOURCE_REPLY_BYTES);
	peer->call = NULL;
	peer_call_finished(peer);
}

void call_abort(struct call *call)
{
	if (call->open && call->events.on_closed)
		call->events.on_closed(call, call->userdata);
	call->peer->call = NULL;
}

void call_drained(struct call *call)
{
	if (!call->wants_drained)
		return;
	call->wants_drained = false;
	if (call->events.on_drained)
		call->events.on_drained(call, call->userdata);
}

int call_render(const char *error, struct json_object *parameters, bool continues,
		struct frame **ret)
{
	struct json_writer w = JSON_WRITER_INIT;
	const char *text;
	size_t length;
	int r;

	json_begin_object(&w);
	if (error) {
		JSON_WRITE_KEY(&w, "error");
		json_write_cstring(&w, error);
	}
	r = message_write_parameters(&w, parameters);
	if (continues) {
		JSON_WRITE_KEY(&w, "continues");
		json_write_bool(&w, true);
	}
	json_end_object(&w);
	if (r == 0)
		r = json_writer_finish(&w, &text, &length);
	if (r == 0)
		r = frame_new_copy(text, length + 1, ret);
	json_writer_deinit(&w);
	return r;
}

/* The last message of a call. When it cannot be sent the connection ends: none may be missed. */
int call_reply_frame(struct call *call, struct frame *frame)
{
	struct peer *peer = call->peer;
	int r = 0;

	if (!call->oneway) {
		r = frame ? peer_send(peer, frame) : -ENOMEM;
		if (r < 0)
			peer_drop(peer, NULL);
	}
	call_finish(call);
	return r;
}

static int answer(struct call *call, const char *error, struct json_object *parameters)
{
	const struct server *server = call->peer->server;
	_cleanup_(frame_unref_p) struct frame *frame = NULL;
	int r = call->oneway ? 0 : call_render(error, parameters, false, &frame), sent;

	json_object_put(parameters);
	if (r < 0 && call->method && server->events.call_failed)
		server->events.call_failed(call->method->name, r, server->userdata);
	sent = call_reply_frame(call, r < 0 ? server->no_memory_frame : frame);
	return r < 0 ? r : sent;
}

int call_reply(struct call *call, struct json_object *parameters)
{
	return answer(call, NULL, parameters);
}

int call_error(struct call *call, const char *name, struct json_object *parameters)
{
	return answer(call, name, parameters);
}

int call_limit_reached(struct call *call, unsigned int resource)
{
	const struct peer *peer = call->peer;

	return call_error(call, peer->server->limit_error,
			  account_refusal(peer_account(peer), resource));
}

struct peer *call_peer(struct call *call)
{
	return call->peer;
}

const struct method *call_method(const struct call *call)
{
	return call->method;
}

bool call_wants_more(const struct call *call)
{
	return call->more;
}

void call_stream(struct call *call, const struct call_stream_events *events, void *userdata)
{
	call->open = true;
	if (events)
		call->events = *events;
	call->userdata = userdata;
	if (call->more)
		peer_charge_output(call->peer, RESOURCE_STREAM_BYTES);
}

int call_send(struct call *call, struct frame *frame)
{
	return call->more ? peer_send(call->peer, frame) : -EINVAL;
}

int call_queue(struct call *call, struct frame *frame)
{
	return call->more ? peer_hold(call->peer, frame) : -EINVAL;
}

void call_flush(struct call *call)
{
	peer_release(call->peer);
	if (call->peer->output.bytes > 0)
		call->wants_drained = true;
}

int call_send_json(struct call *call, struct json_object *parameters)
{
	_cleanup_(frame_unref_p) struct frame *frame = NULL;
	int r = call_render(NULL, parameters, true, &frame);

	json_object_put(parameters);
	return r < 0 ? r : call_send(call, frame);
}

size_t call_queued(const struct call *call)
{
	return call->peer->output.bytes;
}

uint64_t call_stalled_for(const struct call *call, uint64_t now)
{
	const struct peer *peer = call->peer;

	return peer->output.bytes > 0 && now > peer->progress_at ? now - peer->progress_at : 0;
}

void call_drop_peer(struct call *call, const char *reason)
{
	peer_drop(call->peer, reason);
}
