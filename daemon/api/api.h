/* SPDX-License-Identifier: Apache-2.0 */
/* What the methods work with, and the table of the methods. */
#pragma once

#include <sys/queue.h>

#include "daemon/api/attachments.h"
#include "daemon/api/hub.h"
#include "daemon/api/policy.h"
#include "daemon/api/state.h"
#include "daemon/model/index-status.h"
#include "daemon/symbol/symbols.h"
#include "daemon/trace/lbr.h"
#include "daemon/trace/targets.h"
#include "daemon/trace/trace.h"
#include "daemon/wire/server.h"

struct detach;

/* What the snapshots' way counts, for Describe. */
struct pipeline_counters {
	uint64_t records;
	uint64_t malformed;
	uint64_t unwanted; /* of no attachment: beyond a filter, or ended meanwhile */
	uint64_t empty; /* snapshots without an entry */
	uint64_t repeated; /* identical to the previous one of that CPU */
	uint64_t out_of_memory;
};

/* How long the loop was busy at a stretch: a turn is what happens between two waits. */
struct loop_counters {
	uint64_t turns;
	uint64_t over_1_ms;
	uint64_t over_5_ms;
	uint64_t longest; /* nanoseconds of CPU time */
};

/* Borrowed parts of the daemon; `userdata` of every method. */
struct api {
	struct trace *trace;
	struct lbr *lbr;
	struct symbols *symbols;
	struct targets *targets;
	struct hub *hub;
	struct attachments *attachments;
	struct state *state;
	struct server *server;
	struct policy_in_force policy;
	const struct index_list *indexes;
	const struct loop_counters *turns;
	struct event_base *base;
	const struct pipeline_counters *pipeline;
	uint64_t since; /* nanoseconds since 1970 */
	TAILQ_HEAD(, detach) detaches; /* calls that wait for attachments to end */
};

void api_init(struct api *api);
/* To be told of every attachment that is gone: answers the Detach calls that wait for it. */
void api_attachment_gone(struct api *api, uint32_t attachment);

/* The table for server_new(), each method with the enum right that it takes. */
extern const struct method api_methods[];
/* authorize() for server_new(). */
bool api_authorize(struct peer *peer, const struct method *method, struct json_object **ret_why,
		void *userdata);

/* The view as the caller may see it. */
enum view api_view(const struct api *api, struct call *call, enum view view);
/* Whether addresses of the kernel are kept from the caller. */
bool api_hides(const struct api *api, struct call *call);
/* Ends what the policy, which has changed, no longer allows; other streams show what it allows. */
void api_policy_changed(struct api *api);

int method_attach(struct call *call, struct json_object *parameters, void *userdata);
int method_detach(struct call *call, struct json_object *parameters, void *userdata);
int method_list(struct call *call, struct json_object *parameters, void *userdata);
int method_watch(struct call *call, struct json_object *parameters, void *userdata);
int method_programs(struct call *call, struct json_object *parameters, void *userdata);
int method_dump(struct call *call, struct json_object *parameters, void *userdata);
int method_describe(struct call *call, struct json_object *parameters, void *userdata);
