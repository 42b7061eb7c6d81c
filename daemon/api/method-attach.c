/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach: parameters -> selectors -> targets -> attachment -> reply. With `more` the client becomes
 * the first observer before the loop can read the first record, so nothing falls between.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/errors.h"
#include "daemon/api/parameters.h"
#include "daemon/api/replies.h"
#include "daemon/api/selector.h"

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

static void parsed_deinit(struct parsed *parsed)
{
	free(parsed->selectors);
}

/* Each parser returns NULL, or the name of the parameter that is wrong. */
static const char *parse_selectors(struct json_object *array, struct parsed *ret)
{
	size_t n = json_object_array_length(array);
	const char *wrong;

	if (n == 0)
		return "targets";
	ret->selectors = calloc(n, sizeof(*ret->selectors));
	if (!ret->selectors)
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

static int resolve(struct api *api, const struct parsed *parsed, struct target_list *list)
{
	for (size_t i = 0; i < parsed->n_selectors; i++) {
		int r = targets_resolve(api->targets, &parsed->selectors[i], parsed->mode, list);

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

static int reply_attached(struct api *api, struct call *call, const struct parsed *parsed,
		struct attachment *attachment, const struct target_list *list)
{
	const struct subscription_config subscription = {
		.attachments = &attachment->id,
		.n_attachments = 1,
		.view = api_view(api, call, parsed->view),
	};
	struct json_object *reply;
	int r;

	reply = reply_wrap("attachment", reply_attachment(attachment, call_wants_more(call)));
	if (reply && list->n_failures)
		reply_add(reply, "failures", reply_failures(list, api_hides(api, call)));
	if (!reply)
		r = -ENOMEM;
	else if (!call_wants_more(call))
		return call_reply(call, reply);
	else
		r = call_send_json(call, reply);
	if (r == 0)
		r = tell_building(api, call);
	if (r == 0)
		r = hub_subscribe(api->hub, call, &subscription);
	if (r < 0)
		attachments_end(api->attachments, attachment, END_OWNER_GONE);
	return r;
}

static int refuse(struct api *api, struct call *call, int error, int detail,
		const struct target_list *list)
{
	switch (error) {
	case ATTACH_E_TARGETS:
		return call_error(call, "io.lbrd.TargetsRefused",
				reply_wrap("failures", reply_failures(list, api_hides(api, call))));
	case ATTACH_E_BRANCH_RECORDS:
		return error_branch_records(call, detail);
	case ATTACH_E_TRACING:
		return error_tracing(call, detail);
	case ATTACH_E_SHARE:
		return call_limit_reached(call, detail);
	default:
		return error_limit(call, detail);
	}
}

int method_attach(struct call *call, struct json_object *parameters, void *userdata)
{
	struct api *api = userdata;
	struct parsed parsed __attribute__((cleanup(parsed_deinit))) = {};
	struct target_list list __attribute__((cleanup(target_list_deinit))) = {};
	struct attach_request request = {
		.list = &list,
		.owner = *peer_credentials(call_peer(call)),
		.account = peer_account(call_peer(call)),
	};
	struct attachment *attachment;
	const char *wrong;
	int detail = 0, r;

	if (json_object_array_length(parameter(parameters, "targets")) >
			limit_value(LIMIT_SELECTORS))
		return error_limit(call, LIMIT_SELECTORS);
	if (call_wants_more(call) && !account_has_room(request.account, RESOURCE_OBSERVERS))
		return call_limit_reached(call, RESOURCE_OBSERVERS);
	wrong = parse(parameters, &parsed);
	if (wrong)
		return error_invalid_parameter(call, wrong);
	r = resolve(api, &parsed, &list);
	if (r < 0)
		return r;
	if (list.n_failures && (!parsed.partial || !list.n_targets))
		return refuse(api, call, ATTACH_E_TARGETS, 0, &list);

	request.filter = parsed.filter;
	request.without_branches = parsed.without_branches;
	request.partial = parsed.partial;
	request.peer = parsed.persistent ? NULL : call_peer(call);
	/* It takes a moment, so it begins before the first event. */
	if (!parsed.without_branches)
		symbols_need_kernel(api->symbols);
	r = attachments_attach(api->attachments, &request, &attachment, &detail);
	if (r < 0)
		return r;
	if (r > 0)
		return refuse(api, call, r, detail, &list);
	return reply_attached(api, call, &parsed, attachment, &list);
}
