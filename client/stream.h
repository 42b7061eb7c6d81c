/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one subscription: its call, its replies as they come, and its end. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/context.h"
#include "client/view.h"

struct stream_config {
	const char *method; /* full name */
	struct json_object *parameters; /* borrowed */
	const struct view *view; /* borrowed */
	/*
	 * The stream belongs to an attachment that this call makes. Ctrl-C then detaches it, and
	 * what was still on its way is shown. Without it Ctrl-C ends the stream at once.
	 */
	bool attaches;
	unsigned int patience; /* seconds to wait for lbrd when the connection is lost; 0: none */
	uint64_t limit; /* ends by itself after that many events; 0: never */
};

/*
 * Calls, renders what comes to standard output until the end, and tells the totals on standard
 * error. Returns an exit code.
 */
int stream_run(struct context *context, const struct stream_config *config);
