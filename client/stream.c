/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection carries the stream, so a second one carries the Detach of Ctrl-C, while the first
 * is read on until `ended`: only then the totals are exact. Output is written when the input is
 * drained, so that a burst costs few system calls and a single event is seen at once.
 *
 * The rule that must not break: an event is shown or counted as lost, and the last line says both
 * (account.c).
 */
#include "client/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client/account.h"
#include "client/attachment.h"
#include "client/comeback.h"
#include "client/event.h"
#include "client/fields.h"
#include "client/render-event.h"
#include "client/request.h"
#include "client/signals.h"
#include "client/source-tree.h"
#include "common/macro.h"

/* How long the stream may be silent after Detach before its end is given up. */
#define SILENCE_MS 5000
/* How long lbrd may take to answer when it has come back: attaching takes seconds at most. */
#define ANSWER_MS 60000

struct stream {
	struct context *context;
	const struct stream_config *config;
	struct client *client;
	struct client *detacher; /* NULL: nothing is being detached */
	struct event_reader *reader;
	struct event_renderer renderer;
	struct source_tree *tree; /* NULL: none */
	int64_t attachment; /* the one made by this call; 0: none yet */
	struct account account;
	struct account before; /* of attachments of this call that ended with an earlier lbrd */
	struct comeback comeback;
	unsigned int building; /* indices of which we said so */
	bool stopping;
	bool finished;
	int exit_code;
	struct event event;
};

static void finish(struct stream *stream, int exit_code)
{
	stream->finished = true;
	stream->exit_code = exit_code;
}

/* ---- what a reply carries ---- */

/* Parses the next value, which is rare enough in a stream to be made an object. NULL: failed. */
static struct json_object *read_object(struct json_reader *r)
{
	struct json_object *object = NULL;
	struct json_slice text;

	if (json_read_raw(r, &text))
		r->error = request_parse(&text, &object);
	return object;
}

static void take_event(struct stream *stream, struct json_reader *r)
{
	struct context *context = stream->context;

	if (context->json) {
		stream->comeback.sequence = (int64_t)event_peek_sequence(r);
		json_skip(r);
	} else if (event_read(stream->reader, r, &stream->event) == 0) {
		stream->comeback.sequence = (int64_t)stream->event.sequence;
		r->error = render_event(&stream->renderer, &stream->event, &context->out);
	}
	if (r->error)
		return;
	stream->account.shown++;
	if (stream->before.shown + stream->account.shown == stream->config->limit)
		finish(stream, STATUS_OK);
}

static void count_lost(struct stream *stream, const struct lost *lost)
{
	losses_add(&stream->account.lost, &lost->losses);
	if (!stream->context->json)
		render_lost(&stream->renderer, lost, &stream->context->out);
}

static void take_lost(struct stream *stream, struct json_reader *r)
{
	_cleanup_json_ struct json_object *object = read_object(r);
	struct lost lost = { 0 };

	if (!object)
		return;
	lost.count = (uint64_t)get_int(object, "count");
	get_losses(get_object(object, "losses"), &lost.losses);
	lost.has_sequences = has_field(object, "firstSequence");
	lost.first_sequence = (uint64_t)get_int(object, "firstSequence");
	lost.last_sequence = (uint64_t)get_int(object, "lastSequence");
	count_lost(stream, &lost);
	if (lost.has_sequences)
		stream->comeback.sequence = (int64_t)lost.last_sequence;
	lost.losses.count[LOSS_SLOW_OBSERVER] = 0;
	losses_add(&stream->comeback.known, &lost.losses);
}

static void take_losses(struct json_reader *r, struct losses *ret)
{
	_cleanup_json_ struct json_object *object = read_object(r);

	get_losses(object, ret);
}

static void take_ended(struct stream *stream, struct json_reader *r)
{
	_cleanup_json_ struct json_object *ended = read_object(r);
	const char *reason = get_string(ended, "reason");
	int64_t attachment = get_int(ended, "attachment");
	bool shutdown = !strcmp(reason, "shutdown"), ours;
	struct lost late;

	if (!ended)
		return;
	ours = stream->config->attaches && attachment == stream->attachment;
	if (ours && account_balance(&stream->account, ended, &late))
		count_lost(stream, &late);
	output_flush(&stream->context->out);
	if (!ours || shutdown || !strcmp(reason, "targetsGone") ||
	    (!strcmp(reason, "detached") && !stream->stopping))
		tell("attachment #%" PRId64 " ended: %s", attachment, attachment_end_text(reason));
	if (shutdown && stream->comeback.patience)
		stream->comeback.shut_down = true;
	else if (ours || shutdown)
		finish(stream, shutdown ? STATUS_ENDED_EARLY : STATUS_OK);
}

/* Why there are no source lines yet, or that they come now. */
static void take_index(struct stream *stream, struct json_reader *r)
{
	_cleanup_json_ struct json_object *index = read_object(r);
	const char *name = get_string(index, "name"), *state = get_string(index, "state");

	if (!index)
		return;
	output_flush(&stream->context->out);
	if (!strcmp(state, "building") && get_int(index, "percent") > 0) {
		tell("%" PRId64 " %% of the debug information of %s is read", get_int(index, "percent"),
		     name);
	} else if (!strcmp(state, "building")) {
		stream->building++;
		tell("lbrd reads the debug information of %s, once; its source lines come with "
		     "events from then on", name);
	} else if (!strcmp(state, "failed")) {
		tell("no source lines of %s: %s", name, get_string(index, "message"));
	} else if (stream->building) {
		stream->building--;
		tell("source lines of %s from here on", name);
	}
}

static void take_ready(struct stream *stream, struct json_reader *r)
{
	struct json_object *ids = get_array(stream->config->parameters, "attachments");

	json_skip(r);
	if (stream->comeback.away)
		return;
	if (!ids)
		tell("watching all attachments, those to come included");
	for (size_t i = 0; i < get_length(ids); i++)
		tell("watching #%" PRId64,
		     json_object_get_int64(json_object_array_get_idx(ids, i)));
}

/* The first reply to Attach. */
static void take_attachment(struct stream *stream, const struct json_slice *parameters)
{
	_cleanup_json_ struct json_object *object = NULL;
	struct json_object *attachment;
	int r = request_parse(parameters, &object);

	attachment = get_object(object, "attachment");
	if (!attachment) {
		finish(stream, request_failed(stream->context, r ? r : -EBADMSG));
		return;
	}
	stream->attachment = get_int(attachment, "id");
	attachment_tell(attachment, get_array(object, "failures"));
}

/* What a reply carries beside what was dealt with on the way. */
struct rest {
	bool attachment;
	int64_t sequence;
	struct losses losses;
	char lineage[sizeof(((struct comeback *)0)->lineage)];
};

static void take_parameters(struct stream *stream, struct json_reader *r, struct rest *ret)
{
	struct json_slice key, lineage;

	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_pass_null(r))
			continue;
		if (json_slice_is(&key, "event")) {
			take_event(stream, r);
		} else if (json_slice_is(&key, "lost")) {
			take_lost(stream, r);
		} else if (json_slice_is(&key, "ended")) {
			take_ended(stream, r);
		} else if (json_slice_is(&key, "index")) {
			take_index(stream, r);
		} else if (json_slice_is(&key, "ready")) {
			take_ready(stream, r);
		} else if (json_slice_is(&key, "lineage")) {
			if (json_read_string(r, ret->lineage, sizeof(ret->lineage) - 1, &lineage) &&
			    lineage.data != ret->lineage)
				memcpy(ret->lineage, lineage.data, lineage.length);
		} else if (json_slice_is(&key, "sequence")) {
			json_read_int(r, &ret->sequence);
		} else if (json_slice_is(&key, "losses")) {
			take_losses(r, &ret->losses);
		} else {
			ret->attachment |= json_slice_is(&key, "attachment");
			json_skip(r);
		}
	}
}

/* The first reply on a connection, and on every one that came after it. */
static void greet(struct stream *stream, const struct rest *rest)
{
	struct comeback *comeback = &stream->comeback;

	comeback->served = true;
	if (comeback->away)
		comeback_end(comeback, rest->lineage);
	if (*rest->lineage && strcmp(rest->lineage, comeback->lineage)) {
		memcpy(comeback->lineage, rest->lineage, sizeof(comeback->lineage));
		comeback->sequence = rest->sequence;
		comeback->known = rest->losses;
	}
}

/*
 * Walks the reply once: client_parse_reply() would pass over an event's ten kilobytes only to find
 * where they end.
 */
static void take_reply(struct stream *stream, const char *data, size_t length)
{
	struct client_reply reply = { .parameters = { "{}", 2 } };
	struct output *out = &stream->context->out;
	struct rest rest = { 0 };
	struct json_reader r;
	struct json_slice key;

	json_reader_init(&r, data, length);
	json_enter_object(&r);
	while (json_next_key(&r, &key)) {
		if (json_pass_null(&r))
			continue;
		if (json_slice_is(&key, "parameters")) {
			reply.parameters.data = r.position;
			take_parameters(stream, &r, &rest);
			reply.parameters.length = (size_t)(r.position - reply.parameters.data);
		} else if (json_slice_is(&key, "error")) {
			json_read_raw_string(&r, &reply.error);
		} else if (json_slice_is(&key, "continues")) {
			json_read_bool(&r, &reply.continues);
		} else {
			json_skip(&r);
		}
	}
	if (json_finish(&r) < 0) {
		finish(stream, request_failed(stream->context, r.error));
		return;
	}
	if (reply.error.data) {
		finish(stream, request_refused(stream->context, &reply));
		return;
	}
	greet(stream, &rest);
	if (stream->context->json) {
		output_append(out, reply.parameters.data, reply.parameters.length);
		output_append(out, "\n", 1);
	}
	if (rest.attachment)
		take_attachment(stream, &reply.parameters);
	if (!reply.continues && !stream->finished && !stream->comeback.shut_down)
		finish(stream, STATUS_OK);
}

/* ---- Ctrl-C ---- */

static void stop(struct stream *stream)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	int r;

	stream->stopping = true;
	if (!stream->config->attaches) {
		finish(stream, stream->comeback.away ? STATUS_ENDED_EARLY : STATUS_OK);
		return;
	}
	if (!stream->attachment) {
		tell("interrupted before anything was attached");
		finish(stream, STATUS_ENDED_EARLY);
		return;
	}
	r = request_connect(stream->context, &stream->detacher);
	if (r) {
		finish(stream, STATUS_ENDED_EARLY);
		return;
	}
	json_object_object_add(parameters, "attachment",
			       json_object_new_int64(stream->attachment));
	r = client_call(stream->detacher, "io.lbrd.Detach", parameters, 0);
	if (r)
		finish(stream, request_failed(stream->context, r));
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
		finish(stream, request_refused(stream->context, &reply));
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
		finish(stream, r);
		return;
	}
	parameters = config->attaches ?
		comeback_attach(config->parameters, stream->before.shown) :
		comeback_watch(comeback, config->parameters);
	r = client_call(stream->client, config->method, parameters, CLIENT_MORE);
	if (r && r != CLIENT_E_CLOSED)
		finish(stream, request_failed(stream->context, r));
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
		finish(stream, request_failed(stream->context, CLIENT_E_TIMEOUT));
	} else if (n == 0) {
		complain("lbrd does not end the attachment: more may have happened than is shown");
		finish(stream, STATUS_ENDED_EARLY);
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
			take_reply(stream, data, length);
		} else if (r == CLIENT_E_TIMEOUT) {
			if (output_flush(&stream->context->out) == 0)
				wait_for_something(stream);
		} else if (r == CLIENT_E_CLOSED && may_come_back(stream)) {
			output_flush(&stream->context->out);
			come_back(stream);
		} else if (r != -EINTR) {
			output_flush(&stream->context->out);
			finish(stream, request_failed(stream->context, r));
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
