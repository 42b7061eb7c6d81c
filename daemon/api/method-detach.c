/* SPDX-License-Identifier: Apache-2.0 */
/* Detach: ends attachments and answers when they are gone, so that the reply can be relied on. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/api/api.h"
#include "daemon/api/errors.h"
#include "daemon/api/parameters.h"
#include "daemon/api/replies.h"

/* A call that waits for attachments to be gone. */
struct detach {
	TAILQ_ENTRY(detach) entries;
	struct api *api;
	struct call *call;
	struct json_object *ids; /* for the reply */
	size_t n_waiting;
	uint32_t *waiting;
};

static void detach_free(struct detach *detach)
{
	TAILQ_REMOVE(&detach->api->detaches, detach, entries);
	json_object_put(detach->ids);
	free(detach->waiting);
	free(detach);
}

static void detach_finish(struct detach *detach)
{
	call_reply(detach->call, reply_wrap("detached", json_object_get(detach->ids)));
	detach_free(detach);
}

static void on_closed(struct call *call, void *userdata)
{
	detach_free(userdata);
}

void api_attachment_gone(struct api *api, uint32_t attachment)
{
	struct detach *detach, *next;

	for (detach = TAILQ_FIRST(&api->detaches); detach; detach = next) {
		bool waited = false;

		next = TAILQ_NEXT(detach, entries);
		for (size_t i = 0; i < detach->n_waiting; i++)
			if (detach->waiting[i] == attachment) {
				detach->waiting[i--] = detach->waiting[--detach->n_waiting];
				waited = true;
			}
		if (waited && !detach->n_waiting)
			detach_finish(detach);
	}
}

static int detach_new(struct api *api, struct call *call, size_t n, struct detach **ret)
{
	struct detach *detach = calloc(1, sizeof(*detach));

	if (!detach)
		return -ENOMEM;
	detach->api = api;
	detach->call = call;
	detach->ids = json_object_new_array();
	detach->waiting = calloc(n ? n : 1, sizeof(*detach->waiting));
	TAILQ_INSERT_TAIL(&api->detaches, detach, entries);
	if (!detach->ids || !detach->waiting) {
		detach_free(detach);
		return -ENOMEM;
	}
	*ret = detach;
	return 0;
}

static bool may_end(struct api *api, const struct attachment *attachment, struct call *call)
{
	struct peer *peer = call_peer(call);

	return attachment->owner.uid == peer_credentials(peer)->uid ||
			policy_allows(api->policy.rules, RIGHT_ADMINISTER, peer);
}

/* The attachments stay in the list until a later turn of the pipeline: iterating is safe. */
static void detach_add(struct detach *detach, struct attachment *attachment)
{
	detach->waiting[detach->n_waiting++] = attachment->id;
	json_tree_append(detach->ids, json_object_new_int64(attachment->id));
	attachments_end(detach->api->attachments, attachment, END_DETACHED);
}

static int detach_all(struct api *api, struct call *call)
{
	struct attachment *attachment = NULL;
	struct detach *detach;
	int r;

	r = detach_new(api, call, attachments_count(api->attachments), &detach);
	if (r < 0)
		return r;
	while ((attachment = attachments_next(api->attachments, attachment)))
		if (may_end(api, attachment, call))
			detach_add(detach, attachment);
	if (detach->n_waiting)
		call_stream(call, &(struct call_stream_events){.on_closed = on_closed}, detach);
	else
		detach_finish(detach);
	return 0;
}

static int detach_one(struct api *api, struct call *call, uint32_t id)
{
	struct attachment *attachment = attachments_find(api->attachments, id);
	struct detach *detach;
	int r;

	if (!attachment)
		return error_no_such_attachment(call, id);
	if (!may_end(api, attachment, call))
		return error_not_owner(call, id, attachment->owner.uid);
	r = detach_new(api, call, 1, &detach);
	if (r < 0)
		return r;
	detach_add(detach, attachment);
	call_stream(call, &(struct call_stream_events){.on_closed = on_closed}, detach);
	return 0;
}

int method_detach(struct call *call, struct json_object *parameters, void *userdata)
{
	bool all = parameter_bool(parameters, "all");
	struct api *api = userdata;
	int64_t id;

	if (parameter_int(parameters, "attachment", 1, UINT32_MAX, &id) < 0)
		return error_no_such_attachment(call, 0);
	if (!id == !all)
		return error_invalid_parameter(call, all ? "all" : "attachment");
	return all ? detach_all(api, call) : detach_one(api, call, id);
}
