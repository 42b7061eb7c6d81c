/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reply of a stream carries. Rule: an event is shown or counted as lost, and what an lbrd
 * that comes back has to know of both is written down with it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "client/attachment.h"
#include "client/fields.h"
#include "client/request.h"
#include "client/stream-internal.h"

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
		stream_finish(stream, STATUS_OK);
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
		stream_finish(stream, shutdown ? STATUS_ENDED_EARLY : STATUS_OK);
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
		stream_finish(stream, request_failed(stream->context, r ? r : -EBADMSG));
		return;
	}
	stream->attachment = get_int(attachment, "id");
	attachment_tell(attachment, get_array(object, "failures"));
}

/* What a reply carries beside what is dealt with on the way. */
struct rest {
	struct stream *stream;
	bool attachment;
	int64_t sequence;
	struct losses losses;
	char lineage[sizeof(((struct comeback *)0)->lineage)];
};

static void take_parameters(struct json_reader *r, void *userdata)
{
	struct rest *ret = userdata;
	struct stream *stream = ret->stream;
	struct json_slice key;

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
			comeback_read_lineage(r, ret->lineage, sizeof(ret->lineage));
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

/* client_parse_reply() would pass over an event's ten kilobytes only to find where they end. */
void stream_take_reply(struct stream *stream, const char *data, size_t length)
{
	struct rest rest = { .stream = stream };
	struct output *out = &stream->context->out;
	struct client_reply reply;
	int r = client_walk_reply(data, length, take_parameters, &rest, &reply);

	if (r < 0) {
		stream_finish(stream, request_failed(stream->context, r));
		return;
	}
	if (reply.error.data) {
		stream_finish(stream, request_refused(stream->context, &reply));
		return;
	}
	greet(stream, &rest);
	if (stream->context->json) {
		output_append_json(out, reply.parameters.data, reply.parameters.length);
		output_append(out, "\n", 1);
	}
	if (rest.attachment)
		take_attachment(stream, &reply.parameters);
	if (!reply.continues && !stream->finished && !stream->comeback.shut_down)
		stream_finish(stream, STATUS_OK);
}
