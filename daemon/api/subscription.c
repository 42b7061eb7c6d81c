/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One observer. Rule: has_room() alone decides whether it gets a snapshot; what it does not get is
 * counted and told before anything else it gets.
 */
#include <stdlib.h>

#include "daemon/api/hub-internal.h"
#include "daemon/api/limits.h"
#include "daemon/api/replies.h"

void subscription_tell_losses(struct subscription *subscription)
{
	uint64_t total = losses_total(&subscription->untold);
	struct json_object *lost;

	if (!total)
		return;
	lost = json_object_new_object();
	if (!lost)
		return; /* still untold, told with the next */
	reply_add_int(lost, "count", total);
	reply_add(lost, "losses", reply_losses(&subscription->untold));
	if (subscription->first_skipped) {
		reply_add_int(lost, "firstSequence", subscription->first_skipped);
		reply_add_int(lost, "lastSequence", subscription->last_skipped);
	} else if (subscription->untold_attachment) {
		reply_add_int(lost, "attachment", subscription->untold_attachment);
	}
	if (call_send_json(subscription->call, reply_wrap("lost", lost)) < 0)
		return;
	subscription->untold = (struct losses){};
	subscription->first_skipped = 0;
	subscription->untold_attachment = 0;
}

bool subscription_watches(const struct subscription *subscription, uint32_t attachment)
{
	if (subscription->watches_all)
		return true;
	for (size_t i = 0; i < subscription->n_attachments; i++)
		if (subscription->attachments[i] == attachment)
			return true;
	return false;
}

bool subscription_watches_any(const struct subscription *subscription,
		const struct observation *observation)
{
	for (size_t i = 0; i < observation->n_attachments; i++)
		if (subscription_watches(subscription, observation->attachments[i]))
			return true;
	return false;
}

static bool has_room(const struct subscription *subscription)
{
	size_t queued = call_queued(subscription->call);

	if (subscription->lagging || queued > limit_value(LIMIT_OBSERVER_BYTES))
		return false;
	return queued <= limit_value(LIMIT_OBSERVER_OWN) ||
			account_has_room(subscription->charge.account, RESOURCE_STREAM_BYTES);
}

static void skip(struct subscription *subscription, uint64_t sequence, enum loss_cause cause)
{
	subscription->lagging = call_queued(subscription->call) > 0;
	subscription->untold.by_cause[cause]++;
	if (!subscription->first_skipped)
		subscription->first_skipped = sequence;
	subscription->last_skipped = sequence;
	subscription->hub->counters.skipped++;
}

void subscription_deliver(struct subscription *subscription, struct observation *observation,
		int (*send)(struct call *call, struct frame *frame))
{
	enum view view = subscription->view;
	struct hub *hub = subscription->hub;

	if (observation->sequence <= subscription->after)
		return;
	subscription->wanted_in = hub->turn;
	if (subscription->first_skipped && !subscription->lagging)
		subscription_tell_losses(subscription);
	if (!has_room(subscription))
		skip(subscription, observation->sequence, LOSS_SLOW_OBSERVER);
	else if ((!observation->frames[view] &&
			encoder_encode(hub->config.encoder, observation, view) < 0) ||
			send(subscription->call, observation->frames[view]) < 0)
		skip(subscription, observation->sequence, LOSS_MALFORMED);
	else
		hub->counters.delivered++;
}

bool subscription_forget(struct subscription *subscription, uint32_t attachment)
{
	size_t kept = 0;

	for (size_t i = 0; i < subscription->n_attachments; i++)
		if (subscription->attachments[i] != attachment)
			subscription->attachments[kept++] = subscription->attachments[i];
	subscription->n_attachments = kept;
	return !subscription->watches_all && !kept;
}

void subscription_free(struct subscription *subscription)
{
	TAILQ_REMOVE(&subscription->hub->subscriptions, subscription, entries);
	charge_release(&subscription->charge);
	free(subscription);
}
