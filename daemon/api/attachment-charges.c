/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attachment costs its owner. The rule that must not break: it is charged from before its
 * first tracer is loaded until after its last one is released.
 */
#include "common/cleanup.h"
#include "daemon/api/attachments-internal.h"

static size_t count_of_peer(const struct attachments *attachments, const struct peer *peer)
{
	const struct attachment *attachment;
	size_t n = 0;

	TAILQ_FOREACH(attachment, &attachments->list, entries)
		n += attachment->peer == peer;
	return n;
}

int attachments_check_limits(const struct attachments *attachments,
		const struct attach_request *request, int *ret_detail)
{
	*ret_detail = -1;
	if (request->list->n_targets > limit_value(LIMIT_TARGETS))
		*ret_detail = LIMIT_TARGETS;
	else if (request->peer && count_of_peer(attachments, request->peer) >=
			limit_value(LIMIT_CONNECTION_ATTACHMENTS))
		*ret_detail = LIMIT_CONNECTION_ATTACHMENTS;
	return *ret_detail < 0 ? 0 : ATTACH_E_LIMIT;
}

int attachment_take_charges(struct attachment *attachment, const struct attach_request *request,
		int *ret_detail)
{
	*ret_detail = RESOURCE_ATTACHMENTS;
	if (!charge_take(&attachment->charge, request->account, RESOURCE_ATTACHMENTS, 1))
		return ATTACH_E_SHARE;
	*ret_detail = RESOURCE_TARGETS;
	return charge_take(&attachment->targets_charge, request->account, RESOURCE_TARGETS,
			request->list->n_targets) ? 0 : ATTACH_E_SHARE;
}

int attachments_charge(struct attachments *attachments, struct accounts *accounts)
{
	struct attachment *attachment;

	TAILQ_FOREACH(attachment, &attachments->list, entries) {
		_cleanup_(account_unref_p) struct account *account = NULL;
		int r;

		if (attachment->charge.account)
			continue;
		r = accounts_get(accounts, attachment->owner.uid, &account);
		if (r < 0)
			return r;
		charge_take(&attachment->charge, account, RESOURCE_ATTACHMENTS, 0);
		charge_take(&attachment->targets_charge, account, RESOURCE_TARGETS, 0);
		charge_force(&attachment->charge, 1);
		charge_force(&attachment->targets_charge, attachment->n_uses);
	}
	return 0;
}
