/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach: parameters -> selectors -> targets -> attachment -> reply. With `more` the client becomes
 * the first observer before the loop can read the first record, so nothing falls between. Many
 * targets take seconds of the kernel's time, so others are served in between.
 */
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/api/api.h"
#include "daemon/api/attaching.h"
#include "daemon/api/errors.h"
#include "daemon/api/parameters.h"
#include "daemon/api/replies.h"
#include "daemon/api/selector.h"
#include "daemon/wire/event-clear.h"

struct parsed {
	struct target_selector *selectors;
	size_t n_selectors;
	enum trace_mode mode;
	enum view view;
	struct attachment_filter filter;
	bool persistent;
	bool partial;
	bool without_branches;
};

/* A call on its way. */
struct attach {
	struct api *api;
	struct call *call;
	struct parsed parsed;
	struct target_list list;
	struct attaching *attaching;
	struct event *turn;
};

static void attach_free(struct attach *attach)
{
	if (!attach)
		return;
	attaching_free(attach->attaching);
	event_clear(&attach->turn);
	target_list_deinit(&attach->list);
	free(attach->parsed.selectors);
	free(attach);
}

DEFINE_CLEANUP(struct attach *, attach_free)

/* Each parser returns NULL, or the name of the parameter that is wrong. There is room for all. */
static const char *parse_selectors(struct json_object *array, struct parsed *ret)
{
	size_t n = json_object_array_length(array);
	const char *wrong;

	if (n == 0)
		return "targets";
	for (; ret->n_selectors < n; ret->n_selectors++) {
		wrong = selector_parse(json_object_array_get_idx(array, ret->n_selectors),
				&ret->selectors[ret->n_selectors]);
		if (wrong)
			return wrong;
	}
	return NULL;
}

static const char *parse_filter(struct json_object *json, struct attachment_filter *ret)
{
	int64_t pid = 0, limit = 0, rate = 0;

	if (json && parameter_int(json, "processId", 1, INT_MAX, &pid) < 0)
		return "filter.processId";
	if (json && parameter_int(json, "limit", 1, INT64_MAX, &limit) < 0)
		return "filter.limit";
	if (json && parameter_int(json, "maxPerSecond", 1, UINT32_MAX, &rate) < 0)
		return "filter.maxPerSecond";
	*ret = (struct attachment_filter){.pid = pid, .limit = limit, .max_per_second = rate};
	return NULL;
}

static const char *parse(struct json_object *parameters, struct parsed *ret)
{
	const char *mode = parameter_string(parameters, "mode");
	const char *wrong;

	wrong = parse_selectors(parameter(parameters, "targets"), ret);
	if (!wrong)
		wrong = parse_filter(parameter(parameters, "filter"), &ret->filter);
	ret->mode = mode && strcmp(mode, "entry") == 0 ? TRACE_ENTRY : TRACE_EXIT;
	if (!wrong && !parameter_view(parameters, &ret->view))
		wrong = "view";
	ret->persistent = parameter_bool(parameters, "persistent");
	ret->partial = parameter_bool(parameters, "partial");
	ret->without_branches = parameter_bool(parameters, "withoutBranches");
	return wrong;
}

static int resolve(struct attach *attach)
{
	const struct parsed *parsed = &attach->parsed;

	for (size_t i = 0; i < parsed->n_selectors; i++) {
		int r = targets_resolve(attach->api->targets, &parsed->selectors[i], parsed->mode,
				&attach->list);

		if (r < 0)
			return r;
	}
	return 0;
}

/* What began before the client came is told as well. */
static int tell_building(struct api *api, struct call *call)
{
	for (size_t i = 0; i < api->indexes->n; i++) {
		const struct index_status *status = api->indexes->items[i];
		int r;

		if (status->state != INDEX_BUILDING)
			continue;
		r = call_send_json(call, reply_wrap("index", reply_index(status)));
		if (r < 0)
			return r;
	}
	return 0;
}

static int reply_attached(struct attach *attach, struct attachment *attachment)
{
	struct api *api = attach->api;
	struct call *call = attach->call;
	const struct subscription_config subscription = {
		.attachments = &attachment->id,
		.n_attachments = 1,
		.view = api_view(api, call, attach->parsed.view),
	};
	struct json_object *reply;
	int r;

	reply = reply_wrap("attachment", reply_attachment(attachment, call_wants_more(call)));
	if (attach->list.n_failures)
		reply_add(reply, "failures", reply_failures(&attach->list, api_hides(api, call)));
	if (!call_wants_more(call)) {
		/* What its owner does not know of he cannot detach. */
		if (call_reply(call, reply) == -ENOMEM)
			attachments_end(api->attachments, attachment, END_OWNER_GONE);
		return 0;
	}
	r = call_send_json(call, reply);
	if (r == 0)
		r = tell_building(api, call);
	if (r == 0)
		r = hub_subscribe(api->hub, call, &subscription);
	if (r < 0)
		attachments_end(api->attachments, attachment, END_OWNER_GONE);
	return r;
}

static void refuse(struct attach *attach, int error, int detail)
{
	struct call *call = attach->call;

	switch (error) {
	case ATTACH_E_TARGETS:
		call_error(call, "io.lbrd.TargetsRefused", reply_wrap("failures",
				reply_failures(&attach->list, api_hides(attach->api, call))));
		break;
	case ATTACH_E_BRANCH_RECORDS:
		error_branch_records(call, detail);
		break;
	case ATTACH_E_TRACING:
		error_tracing(call, detail);
		break;
	case ATTACH_E_SHARE:
		call_limit_reached(call, detail);
		break;
	default:
		error_limit(call, detail);
	}
}

/* ---- turns ---- */

/* 0: the call is answered. -EINPROGRESS: there is more to do. Else the negative errno is to be. */
static int take_turn(struct attach *attach)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + limit_value(LIMIT_ATTACH_TURN) * NS_PER_MS;
	struct attachment *attachment;
	int detail, r;

	do
		r = attaching_step(attach->attaching, &attachment, &detail);
	while (r == -EINPROGRESS && clock_ns(CLOCK_MONOTONIC) < end);
	if (r == 0)
		return reply_attached(attach, attachment);
	if (r > 0)
		refuse(attach, r, detail);
	return r < 0 ? r : 0;
}

static int want_turn(struct attach *attach)
{
	/* Through the loop's clock: what is made active at once would leave no time for others. */
	static const struct timeval at_once = {};

	return event_add(attach->turn, &at_once) < 0 ? -ENOMEM : 0;
}

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
	struct attach *attach = userdata;
	struct call *call = attach->call;
	int r = take_turn(attach);

	if (r == -EINPROGRESS)
		r = want_turn(attach) ?: -EINPROGRESS;
	if (r == -EINPROGRESS)
		return;
	attach_free(attach);
	if (r < 0)
		call_fail(call, r);
}

static void on_closed(struct call *call, void *userdata)
{
	attach_free(userdata);
}

/* Takes the call over, until a later turn answers it. */
static int go_on_later(struct attach *attach)
{
	static const struct call_stream_events events = {.on_closed = on_closed};

	attach->turn = evtimer_new(attach->api->base, on_turn, attach);
	if (!attach->turn || want_turn(attach) < 0)
		return -ENOMEM;
	call_stream(attach->call, &events, attach);
	return 0;
}

/* ---- the call ---- */

static int begin(struct attach *attach)
{
	const struct parsed *parsed = &attach->parsed;
	struct peer *peer = call_peer(attach->call);
	const struct attach_request request = {
		.list = &attach->list,
		.filter = parsed->filter,
		.without_branches = parsed->without_branches,
		.partial = parsed->partial,
		.peer = parsed->persistent ? NULL : peer,
		.account = peer_account(peer),
		.owner = *peer_credentials(peer),
	};
	int detail = 0, r;

	r = resolve(attach);
	if (r < 0)
		return r;
	if (attach->list.n_failures && (!parsed->partial || !attach->list.n_targets)) {
		refuse(attach, ATTACH_E_TARGETS, 0);
		return 0;
	}
	/* It takes a moment, so it begins before the first event. */
	if (!parsed->without_branches)
		symbols_need_kernel(attach->api->symbols);
	r = attaching_new(attach->api->attachments, &request, &attach->attaching, &detail);
	if (r > 0)
		refuse(attach, r, detail);
	if (r != 0)
		return r < 0 ? r : 0;
	return take_turn(attach);
}

int method_attach(struct call *call, struct json_object *parameters, void *userdata)
{
	size_t n_selectors = json_object_array_length(parameter(parameters, "targets"));
	_cleanup_(attach_free_p) struct attach *attach = NULL;
	const char *wrong;
	int r;

	if (n_selectors > limit_value(LIMIT_SELECTORS))
		return error_limit(call, LIMIT_SELECTORS);
	if (call_wants_more(call) &&
			!account_has_room(peer_account(call_peer(call)), RESOURCE_OBSERVERS))
		return call_limit_reached(call, RESOURCE_OBSERVERS);
	attach = calloc(1, sizeof(*attach));
	if (!attach)
		return -ENOMEM;
	attach->api = userdata;
	attach->call = call;
	attach->parsed.selectors = calloc(n_selectors + 1, sizeof(*attach->parsed.selectors));
	if (!attach->parsed.selectors)
		return -ENOMEM;
	wrong = parse(parameters, &attach->parsed);
	if (wrong)
		return error_invalid_parameter(call, wrong);
	r = begin(attach);
	if (r == -EINPROGRESS) {
		r = go_on_later(attach);
		if (r == 0)
			TAKE_PTR(attach);
	}
	return r;
}
