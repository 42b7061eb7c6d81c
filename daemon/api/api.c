/* SPDX-License-Identifier: Apache-2.0 */
/* One line per method; a new one adds its line here, its file, and its text in io.lbrd.varlink. */
#include "daemon/api/api.h"

const struct method api_methods[] = {
	{"Attach", 0, method_attach, RIGHT_ATTACH},
	{"Detach", 0, method_detach, RIGHT_ATTACH},
	{"List", 0, method_list, RIGHT_OBSERVE},
	{"Watch", METHOD_MORE, method_watch, RIGHT_OBSERVE},
	{"Programs", 0, method_programs, RIGHT_OBSERVE},
	{"Dump", 0, method_dump, RIGHT_OBSERVE},
	{"Describe", 0, method_describe, RIGHT_OBSERVE},
	{},
};

bool api_authorize(struct peer *peer, const struct method *method, struct json_object **ret_why,
		void *userdata)
{
	const struct api *api = userdata;
	enum right right = method->permission;

	if (policy_allows(api->policy.rules, right, peer))
		return true;
	*ret_why = policy_denial(api->policy.rules, right);
	return false;
}

bool api_hides(const struct api *api, struct call *call)
{
	return !policy_allows(api->policy.rules, RIGHT_ADDRESSES, call_peer(call));
}

enum view api_view(const struct api *api, struct call *call, enum view view)
{
	view &= ~VIEW_WITHOUT_ADDRESSES;
	return api_hides(api, call) ? view | VIEW_WITHOUT_ADDRESSES : view;
}

static bool recheck(struct call *call, enum view *view, struct json_object **ret_why,
		void *userdata)
{
	const struct api *api = userdata;

	*view = api_view(api, call, *view);
	return api_authorize(call_peer(call), call_method(call), ret_why, userdata);
}

void api_policy_changed(struct api *api)
{
	hub_recheck(api->hub, recheck, api);
}

void api_init(struct api *api)
{
	TAILQ_INIT(&api->detaches);
}
