/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share of a server. */
#pragma once

#include <sys/queue.h>

#include "daemon/wire/server.h"
#include "daemon/wire/service.h"
#include "proto/interface.h"

struct listener;

/* An interface with the handlers of all its methods. */
struct served_interface {
	struct interface *interface;
	const char *text;
	const struct method *methods;
	void *userdata; /* for the handlers */
};

enum {
	SERVED_SERVICE, /* org.varlink.service */
	SERVED_OWN,
	N_SERVED,
};

struct server {
	struct event_base *base;
	struct served_interface served[N_SERVED];
	const char *vendor, *product, *version, *url;
	struct server_limits limits;
	struct server_events events;
	bool (*authorize)(struct peer *peer, const struct method *method,
			struct json_object **ret_why, void *userdata);
	void *userdata;

	LIST_HEAD(, listener) listeners;
	LIST_HEAD(, peer) peers;
	unsigned int n_peers;
	struct accounts *accounts;
	char limit_error[SERVICE_ERROR_NAME_MAX]; /* LimitReached with its interface */
	struct frame *no_memory_frame; /* Internal, for answers that there is no memory for */
	bool flushing; /* shutdown: no call is read any more */
};

