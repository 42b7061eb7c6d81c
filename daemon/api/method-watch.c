/* SPDX-License-Identifier: Apache-2.0 */
/* Watch: makes the caller an observer of attachments that exist, or of all to come. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/api/api.h"
#include "daemon/api/errors.h"
#include "daemon/api/parameters.h"
#include "daemon/api/replies.h"

/* 0, a negative errno, or 1 when the call has been answered with an error. */
static int parse_attachments(struct api *api, struct call *call, struct json_object *array,
		uint32_t **ret, size_t *ret_n)
{
	size_t n = array ? json_object_array_length(array) : 0;
	_cleanup_free_ uint32_t *ids = NULL;

	*ret_n = n;
	if (!array)
		return 0;
	if (n == 0)
		error_invalid_parameter(call, "attachments");
	else if (n > limit_value(LIMIT_ATTACHMENTS))
		error_limit(call, LIMIT_ATTACHMENTS);
	if (n == 0 || n > limit_value(LIMIT_ATTACHMENTS))
		return 1;
	ids = calloc(n, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int64_t id = json_object_get_int64(json_object_array_get_idx(array, i));

		if (id < 1 || id > UINT32_MAX || !attachments_find(api->attachments, id)) {
			error_no_such_attachment(call, id < 0 || id > UINT32_MAX ? 0 : id);
			return 1;
		}
		ids[i] = id;
	}
	*ret = TAKE_PTR(ids);
	return 0;
}

/* What has been lost before it could be published, and this observer does not know of. */
static void miss_losses(struct api *api, struct json_object *known,
		struct subscription_config *config)
{
	struct losses told, all;

	attachments_losses(api->attachments, config->attachments, config->n_attachments, &all);
	reply_read_losses(known, &told);
	for (int cause = 0; cause < LOSS_SLOW_OBSERVER; cause++)
		if (all.by_cause[cause] > told.by_cause[cause])
			config->missed.by_cause[cause] = all.by_cause[cause] - told.by_cause[cause];
}

/* An observer that comes back: what it had already, and what it can no longer get. */
static int parse_after(struct api *api, struct json_object *parameters,
		struct subscription_config *config)
{
	const char *lineage = parameter_string(parameters, "lineage");
	int64_t after;

	if (parameter_int(parameters, "after", 0, INT64_MAX, &after) < 0)
		return -EINVAL;
	if (!lineage || !*lineage || strcmp(lineage, state_lineage(api->state)) != 0)
		return 0;
	config->resumes = true;
	config->after = after;
	if (parameter(parameters, "losses"))
		miss_losses(api, parameter(parameters, "losses"), config);
	config->missed.by_cause[LOSS_SLOW_OBSERVER] = state_missed(api->state, after,
			config->attachments, config->n_attachments, &config->last_missed);
	return 0;
}

static struct json_object *make_ready(struct api *api, const struct subscription_config *config)
{
	struct losses losses;
	struct json_object *ready = reply_wrap("ready", json_object_new_boolean(true));

	if (ready && *state_lineage(api->state)) {
		reply_add_string(ready, "lineage", state_lineage(api->state));
		reply_add_int(ready, "sequence", state_sequence(api->state));
		attachments_losses(api->attachments, config->attachments, config->n_attachments,
				&losses);
		reply_add(ready, "losses", reply_losses(&losses));
	}
	return ready;
}

int method_watch(struct call *call, struct json_object *parameters, void *userdata)
{
	struct api *api = userdata;
	_cleanup_free_ uint32_t *ids = NULL;
	struct subscription_config config = {};
	int64_t replay;
	int r;

	if (!parameter_view(parameters, &config.view))
		return error_invalid_parameter(call, "view");
	config.view = api_view(api, call, config.view);
	if (parameter_int(parameters, "replay", 0, INT64_MAX, &replay) < 0)
		return error_invalid_parameter(call, "replay");
	if ((uint64_t)replay > limit_value(LIMIT_REPLAY_EVENTS))
		return error_limit(call, LIMIT_REPLAY_EVENTS);
	if (!account_has_room(peer_account(call_peer(call)), RESOURCE_OBSERVERS))
		return call_limit_reached(call, RESOURCE_OBSERVERS);
	r = parse_attachments(api, call, parameter(parameters, "attachments"), &ids,
			&config.n_attachments);
	if (r != 0)
		return r < 0 ? r : 0;
	config.attachments = ids;
	config.replay = replay;
	if (parse_after(api, parameters, &config) < 0)
		return error_invalid_parameter(call, "after");

	config.greeting = make_ready(api, &config);
	if (!config.greeting)
		return -ENOMEM;
	return hub_subscribe(api->hub, call, &config);
}
