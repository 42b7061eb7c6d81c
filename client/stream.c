/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection carries the stream, so a second one carries the Detach of Ctrl-C, while the first
 * is read on until `ended`: only then the totals are exact. Output is written when the input is
 * drained, so that a burst costs few system calls and a single event is seen at once.
 *
 * The rule that must not break: an event is shown or counted as lost, and the last line says both
 * (account.c).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "client/fields.h"
#include "client/request.h"
#include "client/signals.h"
#include "client/source-tree.h"
#include "client/stream-internal.h"
#include "common/macro.h"

/* How long the stream may be silent after Detach before its end is given up. */
#define SILENCE_MS 5000
/* How long lbrd may take to answer when it has come back: attaching takes seconds at most. */
#define ANSWER_MS 60000

void stream_finish(struct stream *stream, int exit_code)
{
	stream->finished = true;
	stream->exit_code = exit_code;
}

/* ---- Ctrl-C ---- */

static void stop(struct stream *stream)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	int r;

	stream->stopping = true;
	if (!stream->config->attaches) {
		stream_finish(stream, stream->comeback.away ? STATUS_ENDED_EARLY : STATUS_OK);
		return;
	}
	if (!stream->attachment) {
		tell("interrupted before anything was attached");
		stream_finish(stream, STATUS_ENDED_EARLY);
		return;
	}
	r = request_connect(stream->context, &stream->detacher);
	if (r) {
		stream_finish(stream, STATUS_ENDED_EARLY);
		return;
	}
	json_object_object_add(parameters, "attachment",
			       json_object_new_int64(stream->attachment));
	r = client_call(stream->detacher, "io.lbrd.Detach", parameters, 0);
	if (r)
		stream_finish(stream, request_failed(stream->context, r));
}

/* The answer to Detach. That the attachment is gone already is what we wanted. */
static void take_detached(struct stream *stream)
{
	struct client_reply reply;
	const char *data;
	size_t length;
	int r = client_next(stream->detacher, 0, &data, &length);

	if (r == CLIENT_E_TIMEOUT || r == -EINTR)
		return;
	if (r == 0 && client_parse_reply(data, length, &reply) == 0 && reply.error.data &&
	    !json_slice_is(&reply.error, "io.lbrd.NoSuchAttachment"))
		stream_finish(stream, request_refused(stream->context, &reply));
	client_free(stream->detacher);
	stream->detacher = NULL;
}

/* ---- a connection that is lost ---- */

static bool may_come_back(const struct stream *stream)
{
	return stream->comeback.patience && stream->comeback.served && !stream->stopping;
}

/* Waits for lbrd, and calls again; finishes the stream when that cannot be. */
static void come_back(struct stream *stream)
{
	const struct stream_config *config = stream->config;
	_cleanup_json_ struct json_object *parameters = NULL;
	struct comeback *comeback = &stream->comeback;
	int r;

	client_free(TAKE_PTR(stream->client));
	account_add(&stream->before, &stream->account);
	stream->account = (struct account){ 0 };
	stream->attachment = 0;
	stream->building = 0;
	comeback_begin(comeback);
	r = comeback_connect(comeback, &stream->client);
	if (r) {
		stream_finish(stream, r);
		return;
	}
	parameters = config->attaches ?
		comeback_attach(config->parameters, stream->before.shown) :
		comeback_watch(comeback, config->parameters);
	r = client_call(stream->client, config->method, parameters, CLIENT_MORE);
	if (r && r != CLIENT_E_CLOSED)
		stream_finish(stream, request_failed(stream->context, r));
}

/* ---- the loop ---- */

static int patience_ms(const struct stream *stream)
{
	if (stream->stopping)
		return SILENCE_MS;
	return stream->comeback.away ? ANSWER_MS : -1;
}

static void wait_for_something(struct stream *stream)
{
	struct pollfd fds[] = {
		{ .fd = client_fd(stream->client), .events = POLLIN },
		{ .fd = signals_fd(), .events = POLLIN },
		/* Only for POLLERR: whoever read our output is gone. */
		{ .fd = stream->context->out.fd },
		{ .fd = stream->detacher ? client_fd(stream->detacher) : -1, .events = POLLIN },
	};
	int n = poll(fds, ARRAY_SIZE(fds), patience_ms(stream));

	if (n < 0)
		return;
	if (n == 0 && !stream->stopping) {
		stream_finish(stream, request_failed(stream->context, CLIENT_E_TIMEOUT));
	} else if (n == 0) {
		complain("lbrd does not end the attachment: more may have happened than is shown");
		stream_finish(stream, STATUS_ENDED_EARLY);
	}
	if (fds[1].revents)
		signals_clear();
	if (fds[2].revents & (POLLERR | POLLHUP))
		stream->context->out.error = EPIPE;
	if (fds[3].revents)
		take_detached(stream);
	if (signals_resized())
		terminal_resize(&stream->context->terminal, stream->context->out.fd);
}

static void run(struct stream *stream)
{
	while (!stream->finished && !stream->context->out.error) {
		const char *data;
		size_t length;
		int r;

		if (signals_interrupted() && !stream->stopping) {
			stop(stream);
			continue;
		}
		r = client_next(stream->client, 0, &data, &length);
		if (r == 0) {
			stream_take_reply(stream, data, length);
		} else if (r == CLIENT_E_TIMEOUT) {
			if (output_flush(&stream->context->out) == 0)
				wait_for_something(stream);
		} else if (r == CLIENT_E_CLOSED && may_come_back(stream)) {
			output_flush(&stream->context->out);
			come_back(stream);
		} else if (r != -EINTR) {
			output_flush(&stream->context->out);
			stream_finish(stream, request_failed(stream->context, r));
		}
	}
}

static int open_stream(struct stream *stream)
{
	struct context *context = stream->context;
	const struct view *view = stream->config->view;
	int r = source_tree_open(view->source_tree, &stream->tree);

	if (r)
		return r;
	r = signals_init();
	if (r == 0)
		r = event_reader_new(&context->terminal, &stream->reader);
	if (r < 0)
		return request_failed(context, r);
	event_renderer_init(&stream->renderer, &context->terminal,
			    event_reader_places(stream->reader));
	stream->renderer.path.without_bytes = view->no_bytes;
	stream->renderer.path.tree = stream->tree;
	r = request_connect(context, &stream->client);
	if (r)
		return r;
	r = client_call(stream->client, stream->config->method, stream->config->parameters,
			CLIENT_MORE);
	return r ? request_failed(context, r) : STATUS_OK;
}

int stream_run(struct context *context, const struct stream_config *config)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int exit_code;

	if (!stream)
		return request_failed(context, -ENOMEM);
	stream->context = context;
	stream->config = config;
	stream->comeback = (struct comeback){ .context = context, .patience = config->patience };
	exit_code = open_stream(stream);
	if (exit_code == STATUS_OK) {
		run(stream);
		exit_code = request_finish(context, stream->exit_code);
		account_add(&stream->account, &stream->before);
		if (!context->out.error &&
		    (stream->exit_code != STATUS_REFUSED || stream->comeback.served))
			account_tell(&stream->account);
	}
	client_free(stream->detacher);
	client_free(stream->client);
	event_renderer_deinit(&stream->renderer);
	event_reader_free(stream->reader);
	source_tree_free(stream->tree);
	free(stream);
	return exit_code;
}
