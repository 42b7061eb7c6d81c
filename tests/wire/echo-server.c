/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of daemon/wire with nothing behind it: echo-server SOCKET. Ends on SIGTERM, then with 0
 * only if every stream that was opened has been closed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/wire/server.h"

extern const char wire_interface_text[];

struct stream {
	struct state *state;
	int64_t next, count, padding;
};

#define GUARDED 7 /* the permission that nobody has */

struct state {
	struct event_base *base;
	struct server *server;
	int64_t open_streams, closed_streams, calls, dropped;
	char last_reason[128];
};

static int64_t get_int(struct json_object *parameters, const char *key)
{
	return json_object_get_int64(json_object_object_get(parameters, key));
}

static void add_int(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

static int echo(struct call *call, struct json_object *parameters, void *userdata)
{
	struct state *state = userdata;

	state->calls++;
	return call_reply(call, json_object_get(parameters));
}

static struct stream *stream_new(struct state *state)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	stream->state = state;
	state->open_streams++;
	return stream;
}

static void stream_free(struct stream *stream)
{
	stream->state->open_streams--;
	stream->state->closed_streams++;
	free(stream);
}

static void on_stream_closed(struct call *call, void *userdata)
{
	stream_free(userdata);
}

static struct json_object *count_reply(const struct stream *stream)
{
	struct json_object *reply = json_object_new_object();
	char *padding = malloc(stream->padding + 1);

	memset(padding, 'x', stream->padding);
	add_int(reply, "number", stream->next);
	if (stream->padding)
		json_object_object_add(reply, "padding",
				json_object_new_string_len(padding, stream->padding));
	free(padding);
	return reply;
}

/* Sends until the socket is full; on_drained goes on. */
static void count_on(struct call *call, void *userdata)
{
	struct stream *stream = userdata;

	for (; stream->next < stream->count; stream->next++) {
		if (call_queued(call) > 0)
			return;
		if (call_send_json(call, count_reply(stream)) < 0)
			return;
	}
	call_reply(call, count_reply(stream));
	stream_free(stream);
}

static int count(struct call *call, struct json_object *parameters, void *userdata)
{
	static const struct call_stream_events events = { on_stream_closed, count_on };
	struct stream *stream = stream_new(userdata);

	stream->count = get_int(parameters, "count");
	stream->padding = get_int(parameters, "padding");
	call_stream(call, &events, stream);
	count_on(call, stream);
	return 0;
}

static int forever(struct call *call, struct json_object *parameters, void *userdata)
{
	static const char ready[] = "{\"parameters\":{\"ready\":true},\"continues\":true}";
	static const struct call_stream_events events = { on_stream_closed, NULL };
	_cleanup_(frame_unref_p) struct frame *frame = NULL;

	if (frame_new_copy(ready, sizeof(ready), &frame) < 0)
		return -ENOMEM;
	call_stream(call, &events, stream_new(userdata));
	call_send(call, frame);
	return 0;
}

struct delayed {
	struct call *call; /* NULL: closed before its time */
};

static void on_delayed_closed(struct call *call, void *userdata)
{
	struct delayed *delayed = userdata;

	delayed->call = NULL;
}

static void on_delay(evutil_socket_t fd, short what, void *userdata)
{
	struct delayed *delayed = userdata;
	struct json_object *reply = json_object_new_object();

	json_object_object_add(reply, "late", json_object_new_boolean(true));
	if (delayed->call)
		call_reply(delayed->call, reply);
	else
		json_object_put(reply);
	free(delayed);
}

static int later(struct call *call, struct json_object *parameters, void *userdata)
{
	static const struct call_stream_events events = { on_delayed_closed, NULL };
	struct state *state = userdata;
	struct delayed *delayed = malloc(sizeof(*delayed));
	struct timeval delay = { .tv_usec = 1000 };

	delayed->call = call;
	call_stream(call, &events, delayed);
	return event_base_once(state->base, -1, EV_TIMEOUT, on_delay, delayed, &delay);
}

static int refuse(struct call *call, struct json_object *parameters, void *userdata)
{
	struct json_object *reply = json_object_new_object();

	json_object_object_add(reply, "why", json_object_new_string("as asked"));
	return call_error(call, "org.example.wire.Refused", reply);
}

static int break_down(struct call *call, struct json_object *parameters, void *userdata)
{
	return json_object_get_boolean(json_object_object_get(parameters, "forget")) ? 0 : -EIO;
}

static int drop_me(struct call *call, struct json_object *parameters, void *userdata)
{
	call_stream(call, NULL, NULL);
	call_drop_peer(call, "as asked");
	return 0;
}

static int status(struct call *call, struct json_object *parameters, void *userdata)
{
	struct state *state = userdata;
	struct json_object *reply = json_object_new_object();
	const struct peer_credentials *credentials = peer_credentials(call_peer(call));
	struct json_object *array = json_object_new_array();
	const gid_t *groups;
	size_t n_groups = peer_groups(call_peer(call), &groups);

	add_int(reply, "peers", server_n_peers(state->server));
	add_int(reply, "openStreams", state->open_streams);
	add_int(reply, "closedStreams", state->closed_streams);
	add_int(reply, "calls", state->calls);
	add_int(reply, "dropped", state->dropped);
	add_int(reply, "userId", credentials->uid);
	add_int(reply, "processId", credentials->pid);
	for (size_t i = 0; i < n_groups; i++)
		json_object_array_add(array, json_object_new_int64(groups[i]));
	json_object_object_add(reply, "groups", array);
	json_object_object_add(reply, "lastReason", json_object_new_string(state->last_reason));
	return call_reply(call, reply);
}

static const struct method methods[] = {
	{ "Echo", 0, echo },
	{ "Require", 0, echo },
	{ "Count", METHOD_MORE, count },
	{ "Forever", METHOD_MORE, forever },
	{ "Later", 0, later },
	{ "Refuse", 0, refuse },
	{ "Break", 0, break_down },
	{ "DropMe", 0, drop_me },
	{ "Status", 0, status },
	{ "Guarded", METHOD_MORE, echo, .permission = GUARDED },
	{ 0 },
};

static bool authorize(struct peer *peer, const struct method *method, struct json_object **ret_why,
		      void *userdata)
{
	if (method->permission != GUARDED)
		return true;
	*ret_why = json_object_new_object();
	json_object_object_add(*ret_why, "message", json_object_new_string("as told"));
	return false;
}

static void on_dropped(struct peer *peer, const char *reason, void *userdata)
{
	struct state *state = userdata;

	state->dropped++;
	snprintf(state->last_reason, sizeof(state->last_reason), "%s", reason);
}

static void on_signal(evutil_socket_t signal_number, short what, void *userdata)
{
	event_base_loopbreak(userdata);
}

int main(int argc, char **argv)
{
	struct state state = { .base = event_base_new() };
	struct event *on_term = evsignal_new(state.base, SIGTERM, on_signal, state.base);
	struct server_config config = {
		.base = state.base,
		.interface_text = wire_interface_text,
		.methods = methods,
		.vendor = "example", .product = "echo", .version = "1", .url = "https://example.org/",
		.limits = {
			.max_message = 65536,
			.max_depth = 16,
			.turn_calls = 32,
			.max_queued_replies = 262144,
			.users = {
				.resources = {
					[RESOURCE_CONNECTIONS] = { "connections", "connections", 64 },
					[RESOURCE_CALL_BYTES] = { "callsBytes", "bytes", 1 << 20 },
					[RESOURCE_REPLY_BYTES] = { "repliesBytes", "bytes", 1 << 20 },
					[RESOURCE_STREAM_BYTES] = { "streamsBytes", "bytes", 1 << 20 },
				},
				.user_percent = 50,
				.root_percent = 75,
			},
		},
		.events = { .peer_dropped = on_dropped },
		.authorize = authorize,
		.userdata = &state,
	};
	int r;

	r = server_new(&config, &state.server);
	if (r == 0)
		r = server_listen_path(state.server, argv[1], 0666);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	event_add(on_term, NULL);
	event_base_dispatch(state.base);
	server_flush(state.server, 100);
	server_free(state.server);
	event_free(on_term);
	event_base_free(state.base);
	return state.open_streams ? 1 : 0;
}
