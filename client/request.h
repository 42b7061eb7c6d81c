/* SPDX-License-Identifier: Apache-2.0 */
/* Reaching lbrd, asking it one thing, and explaining why that did not work. */
#pragma once

#include <json-c/json.h>

#include "client/context.h"
#include "proto/client.h"

/* A connection in *ret, or what client_connect() says; nothing is told. */
int request_reach(struct context *context, struct client **ret);
/* STATUS_OK with a connection in *ret, or an exit code after telling what to do. */
int request_connect(struct context *context, struct client **ret);

/*
 * One call, one reply. `parameters` is borrowed, NULL means none. STATUS_OK with the parameters of
 * the reply in *ret; with --json they have been printed and *ret is NULL. Errors of lbrd have been
 * explained, or with --json printed: STATUS_REFUSED.
 */
int request_call(struct context *context, struct client *client, const char *method,
		 struct json_object *parameters, struct json_object **ret);

/* request_connect() and request_call() in one. */
int request(struct context *context, const char *method, struct json_object *parameters,
	    struct json_object **ret);

/* The object that `text` is, as a tree. -EBADMSG, -ENOMEM. */
int request_parse(const struct json_slice *text, struct json_object **ret);

/* Explains what client_next(), request_parse() and their like returned. An exit code. */
int request_failed(const struct context *context, int error);

/* Explains an error reply, or with --json prints it. STATUS_REFUSED. */
int request_refused(struct context *context, const struct client_reply *reply);

/* Writes what is buffered for standard output: the last step of a command. An exit code. */
int request_finish(struct context *context, int exit_code);
