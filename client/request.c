/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which asking lbrd can fail ends here in one sentence of what is wrong and one of
 * what to do.
 */
#include "client/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/fields.h"
#include "client/refusal.h"
#include "common/macro.h"
#include "proto/message.h"

/* Beyond the largest reply that lbrd gives: a listing of all programs of a crowded machine. */
#define MAX_MESSAGE (64u << 20)
#define MAX_DEPTH 16
/* Attaching to hundreds of programs takes seconds. */
#define ANSWER_TIMEOUT_MS 60000

/* The socket of lbrd is open to all; who may do what is lbrd's policy. */
static int no_permission(const struct context *context)
{
	complain("you may not open the socket %s", context->socket);
	hint("look at its mode and at those of the directories above, or use sudo");
	return STATUS_UNREACHABLE;
}

int request_reach(struct context *context, struct client **ret)
{
	return client_connect(context->socket, MAX_MESSAGE, ret);
}

int request_connect(struct context *context, struct client **ret)
{
	int r = request_reach(context, ret);

	switch (r) {
	case 0:
		return STATUS_OK;
	case CLIENT_E_NO_SOCKET:
		complain("lbrd is not running: there is no socket %s", context->socket);
		hint("start it with 'sudo systemctl start lbrd.socket', or run 'sudo lbrd'; "
		     "--socket or LBRD_SOCKET names another socket");
		return STATUS_UNREACHABLE;
	case CLIENT_E_REFUSED:
		complain("lbrd is not running: nobody listens at %s", context->socket);
		hint("start it with 'sudo systemctl restart lbrd.socket', or run 'sudo lbrd'");
		return STATUS_UNREACHABLE;
	case CLIENT_E_PERMISSION:
		return no_permission(context);
	case CLIENT_E_TIMEOUT:
		complain("lbrd does not take the connection to %s", context->socket);
		hint("'systemctl status lbrd' says how it is");
		return STATUS_UNREACHABLE;
	case -ENAMETOOLONG:
		complain("the path of the socket is too long: %s", context->socket);
		hint("a Unix socket's path has at most 107 bytes");
		return STATUS_UNREACHABLE;
	default:
		complain("cannot connect to %s: %s", context->socket, strerror(-r));
		return r == -ENOMEM ? STATUS_FAILED : STATUS_UNREACHABLE;
	}
}

int request_failed(const struct context *context, int error)
{
	switch (error) {
	case CLIENT_E_CLOSED:
		complain("the connection was lost: lbrd ended, or dropped this client");
		hint("'journalctl -u lbrd' says why");
		return STATUS_ENDED_EARLY;
	case CLIENT_E_TIMEOUT:
		complain("lbrd does not answer");
		hint("'systemctl status lbrd' says how it is");
		return STATUS_ENDED_EARLY;
	case CLIENT_E_TOO_LARGE:
	case CLIENT_E_MALFORMED:
	case -EBADMSG:
	case -ERANGE:
	case -ENOBUFS:
		complain("what answers at %s is not understood", context->socket);
		hint("lbrctl " LBRD_VERSION " and lbrd must be of one version: 'lbrctl status' "
		     "tells lbrd's");
		return STATUS_NOT_UNDERSTOOD;
	default:
		complain("%s", strerror(-error));
		return STATUS_FAILED;
	}
}

int request_parse(const struct json_slice *text, struct json_object **ret)
{
	/* The parser wants a NUL byte behind the text. */
	_cleanup_free_ char *copy = strndup(text->data, text->length);
	int r = copy ? message_parse(copy, text->length, MAX_DEPTH, ret) : -ENOMEM;

	return r > 0 ? -EBADMSG : r;
}

static void print_error(struct context *context, const struct client_reply *reply)
{
	struct output *out = &context->out;

	output_string(out, "{\"error\":\"");
	output_append_json(out, reply->error.data, reply->error.length);
	output_string(out, "\",\"parameters\":");
	output_append_json(out, reply->parameters.data, reply->parameters.length);
	output_string(out, "}\n");
}

int request_refused(struct context *context, const struct client_reply *reply)
{
	_cleanup_json_ struct json_object *parameters = NULL;
	char name[128];
	int r;

	if (context->json) {
		print_error(context, reply);
		return STATUS_REFUSED;
	}
	r = request_parse(&reply->parameters, &parameters);
	if (r < 0)
		return request_failed(context, r);
	snprintf(name, sizeof(name), "%.*s", (int)MIN(reply->error.length, sizeof(name) - 1),
		 reply->error.data);
	refusal_explain(name, parameters);
	return STATUS_REFUSED;
}

int request_call(struct context *context, struct client *client, const char *method,
		 struct json_object *parameters, struct json_object **ret)
{
	struct client_reply reply;
	const char *data;
	size_t length;
	int r;

	*ret = NULL;
	r = client_call(client, method, parameters, 0);
	if (r == 0)
		r = client_next(client, ANSWER_TIMEOUT_MS, &data, &length);
	if (r == 0)
		r = client_parse_reply(data, length, &reply);
	if (r)
		return request_failed(context, r);
	if (reply.error.data)
		return request_refused(context, &reply);
	if (context->json) {
		output_append_json(&context->out, reply.parameters.data, reply.parameters.length);
		output_append(&context->out, "\n", 1);
		return STATUS_OK;
	}
	r = request_parse(&reply.parameters, ret);
	return r ? request_failed(context, r) : STATUS_OK;
}

int request(struct context *context, const char *method, struct json_object *parameters,
	    struct json_object **ret)
{
	_cleanup_(client_free_p) struct client *client = NULL;
	int r = request_connect(context, &client);

	*ret = NULL;
	return r ? r : request_call(context, client, method, parameters, ret);
}

int request_finish(struct context *context, int exit_code)
{
	int r = output_flush(&context->out);

	/* Nobody reads any more, as with `| head`: that is no failure. */
	if (r == -EPIPE)
		return STATUS_OK;
	if (r < 0) {
		complain("cannot write to standard output: %s", strerror(-r));
		return STATUS_FAILED;
	}
	return exit_code;
}
