/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not JSON cannot be answered: nobody knows what the client waits for, so the connection
 * ends. A JSON object that is no proper call is answered with the name of the member that is
 * wrong, and the connection goes on. The rule that must not break: a handler sees only parameters
 * that agree with the interface file.
 */
#include "daemon/wire/dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/wire/call.h"
#include "daemon/wire/peer.h"
#include "daemon/wire/server-internal.h"
#include "daemon/wire/service.h"
#include "proto/json-tree.h"
#include "proto/message.h"

struct request {
	const char *method;
	struct json_object *parameters; /* {} when the message has none; NULL: out of memory */
	bool more, oneway, upgrade;
	const char *wrong_member; /* NULL: the request is in order */
};

static void json_put_p(struct json_object **json)
{
	json_object_put(*json);
}

/* An error of org.varlink.service with at most one string parameter. */
static void answer_service_error(struct call *call, const char *name, const char *key,
				 const char *value)
{
	struct json_object *parameters = json_object_new_object();

	if (key)
		json_tree_add(parameters, key, json_object_new_string(value));
	call_error(call, name, parameters);
}

static bool read_flag(struct request *request, struct json_object *message, const char *key)
{
	struct json_object *value = json_object_object_get(message, key);

	if (!value || json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value);
	request->wrong_member = key;
	return false;
}

/* Borrows from the message. Members that are not known are left alone, as Varlink demands. */
static void read_request(struct json_object *message, struct request *ret)
{
	struct json_object *method = json_object_object_get(message, "method");
	struct json_object *parameters = json_object_object_get(message, "parameters");

	if (!parameters) {
		parameters = json_object_new_object();
		if (parameters && json_object_object_add(message, "parameters", parameters) < 0) {
			json_object_put(parameters);
			parameters = NULL;
		}
	}
	*ret = (struct request){ 0 };
	ret->more = read_flag(ret, message, "more");
	ret->upgrade = read_flag(ret, message, "upgrade");
	if (parameters && !json_object_is_type(parameters, json_type_object))
		ret->wrong_member = "parameters";
	ret->parameters = parameters;
	ret->method = json_object_get_string(method);
	/* A NUL character would cut the name where C reads it. */
	if (!json_object_is_type(method, json_type_string) ||
			strlen(ret->method) != (size_t)json_object_get_string_len(method))
		ret->wrong_member = "method";
	/* Last: when it is not known whether an answer is wanted, that is what is told. */
	ret->oneway = read_flag(ret, message, "oneway");
}

static const struct method *find_method(const struct served_interface *served, const char *name)
{
	for (const struct method *method = served->methods; method->name; method++)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

/* The interface part of a full method name, compared without copying it. */
static struct served_interface *find_interface(struct server *server, const char *method,
					       size_t length)
{
	for (int i = 0; i < N_SERVED; i++) {
		const char *name = server->served[i].interface->name;

		if (strlen(name) == length && memcmp(name, method, length) == 0)
			return &server->served[i];
	}
	return NULL;
}

static void answer_internal(struct call *call, const char *full_name, int error)
{
	struct json_object *parameters;
	char message[200], name[SERVICE_ERROR_NAME_MAX];

	if (error == -ENOMEM) {
		call_reply_frame(call, call->peer->server->no_memory_frame);
		return;
	}
	parameters = json_object_new_object();
	snprintf(message, sizeof(message), "%s failed: %s", full_name, strerror(-error));
	json_tree_add(parameters, "message", json_object_new_string(message));
	json_tree_add(parameters, "hint",
			json_object_new_string("Try again; the journal may say more."));
	if (service_own_error(call->peer->server, "Internal", parameters, name)) {
		call_error(call, name, parameters);
		return;
	}
	json_object_put(parameters);
	answer_service_error(call, VARLINK_E_METHOD_NOT_IMPLEMENTED, "method", full_name);
}

static void fail(struct call *call, const char *full_name, int error)
{
	struct server *server = call->peer->server;
	/* That a client went before it was answered is no failure of ours. */
	bool client_gone = call->peer->dead;

	answer_internal(call, full_name, error);
	if (server->events.call_failed && !client_gone)
		server->events.call_failed(full_name, error, server->userdata);
}

void call_fail(struct call *call, int error)
{
	char name[SERVICE_ERROR_NAME_MAX];

	snprintf(name, sizeof(name), "%s.%s",
		 call->peer->server->served[SERVED_OWN].interface->name, call->method->name);
	fail(call, name, error);
}

static void run_handler(struct call *call, const struct request *request,
			const struct served_interface *served, const struct method *method)
{
	struct peer *peer = call->peer;
	int r;

	call->method = method;
	r = method->handler(call, request->parameters, served->userdata);

	/* A call that was answered is gone: it is compared, not looked at. */
	if (peer->call != call || (r >= 0 && call->open))
		return;
	fail(call, request->method, r < 0 ? r : -ENOMSG);
}

/* Only the interface of the server's owner is his to guard. */
static bool may_call(const struct call *call, const struct served_interface *served,
		     const struct method *method, struct json_object **ret_why)
{
	struct server *server = call->peer->server;

	*ret_why = NULL;
	return served != &server->served[SERVED_OWN] || !server->authorize ||
		server->authorize(call->peer, method, ret_why, server->userdata);
}

/* What is asked of a known method, checked against its declaration; then its handler. */
static void check_and_run(struct call *call, const struct request *request,
			  const struct served_interface *served, const struct method *method)
{
	const struct interface_member *member =
		interface_find(served->interface, INTERFACE_METHOD, method->name);
	char path[INTERFACE_PATH_MAX];
	struct json_object *why;

	if (!may_call(call, served, method, &why))
		call_error(call, VARLINK_E_PERMISSION_DENIED,
				why ? why : json_object_new_object());
	else if (request->upgrade)
		answer_service_error(call, VARLINK_E_METHOD_NOT_IMPLEMENTED, "method",
				     request->method);
	else if (method->flags & METHOD_MORE && !request->more)
		answer_service_error(call, VARLINK_E_EXPECTED_MORE, NULL, NULL);
	else if (interface_check(member->type, request->parameters, path))
		answer_service_error(call, VARLINK_E_INVALID_PARAMETER, "parameter", path);
	else
		run_handler(call, request, served, method);
}

static void route(struct call *call, const struct request *request)
{
	const char *dot = strrchr(request->method, '.');
	const struct served_interface *served;
	const struct method *method;
	size_t length;

	if (!dot) {
		answer_service_error(call, VARLINK_E_INVALID_PARAMETER, "parameter", "method");
		return;
	}
	length = dot - request->method;
	served = find_interface(call->peer->server, request->method, length);
	if (!served) {
		_cleanup_free_ char *name = strndup(request->method, length);

		answer_service_error(call, VARLINK_E_INTERFACE_NOT_FOUND, "interface",
				     name ? name : "");
		return;
	}
	method = find_method(served, dot + 1);
	if (method)
		check_and_run(call, request, served, method);
	else
		answer_service_error(call, VARLINK_E_METHOD_NOT_FOUND, "method", request->method);
}

void dispatch_message(struct peer *peer, const char *message, size_t length)
{
	_cleanup_(json_put_p) struct json_object *json = NULL;
	struct request request;
	int r;

	r = message_parse(message, length, peer->server->limits.max_depth, &json);
	if (r == MESSAGE_E_TOO_DEEP) {
		peer_refuse(peer, limit_refusal("jsonDepth", peer->server->limits.max_depth,
						"A call does not nest deeper."),
			    message_error_text(r));
		return;
	}
	if (r) {
		peer_close(peer, message_error_text(r));
		return;
	}
	read_request(json, &request);
	if (!request.parameters) {
		peer_close(peer, message_error_text(-ENOMEM));
		return;
	}
	if (request.more && request.oneway) {
		/* It asks for many answers and for none. */
		peer_close(peer, "a call with both more and oneway");
		return;
	}
	call_begin(peer, request.more, request.oneway);
	if (!account_has_room(peer_account(peer), RESOURCE_REPLY_BYTES))
		call_limit_reached(peer->call, RESOURCE_REPLY_BYTES);
	else if (request.wrong_member)
		answer_service_error(peer->call, VARLINK_E_INVALID_PARAMETER, "parameter",
				     request.wrong_member);
	else
		route(peer->call, &request);
}
