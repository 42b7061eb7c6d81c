/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that was lost, and the way back: waiting for lbrd, and what to ask it for then. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/context.h"
#include "client/losses.h"
#include "proto/client.h"

/* Seconds to wait for lbrd where nothing else is said: a restart takes it one or two. */
#define COMEBACK_PATIENCE 10
#define COMEBACK_MAX 86400
#define COMEBACK_HELP \
	"  --wait SECONDS   how long to wait for lbrd when the connection is lost (10); 0: end"

struct comeback {
	struct context *context;
	unsigned int patience; /* seconds; 0: never come back */
	bool served; /* lbrd has answered, so there is something to come back to */
	bool away; /* from the loss of the connection until lbrd has answered again */
	bool shut_down; /* lbrd said so: nobody is waited for who does not listen already */
	int64_t deadline;
	int delay; /* before the next attempt */
	int64_t sequence; /* of the last event that was seen or told as lost, or came before */
	struct losses known; /* losses that lbrd reported in its time, and before it */
	char lineage[64]; /* of that number; "": it ends with that lbrd */
};

/* Reads the string that names a lineage. What does not fit, its end included, is none: -EBADMSG. */
void comeback_read_lineage(struct json_reader *r, char *ret, size_t size);

/* The connection is lost; says so, the first time. */
void comeback_begin(struct comeback *comeback);

/*
 * Waits until somebody listens, as long as patience and the user allow. STATUS_OK with a connection
 * in *ret, or an exit code; what there is to say has been said.
 */
int comeback_connect(struct comeback *comeback, struct client **ret);

/*
 * The parameters of the call that goes on: of Attach, `shown` events fewer than before; of Watch,
 * behind the last event. The caller puts them.
 */
struct json_object *comeback_attach(struct json_object *parameters, uint64_t shown);
struct json_object *comeback_watch(const struct comeback *comeback, struct json_object *parameters);

/* lbrd has answered; `lineage` is what it goes on with, "" for nothing. Says what that means. */
void comeback_end(struct comeback *comeback, const char *lineage);
