/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-out: who observes, and what all of them get. What one of them gets of it is decided in
 * subscription.c, whether the ring waits for observers in pacing.c. Rule: nobody waits for anybody
 * here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/api/history.h"
#include "daemon/api/hub-internal.h"
#include "daemon/api/limits.h"
#include "daemon/api/replies.h"
#include "daemon/wire/event-clear.h"

/* What was lost for want of memory, and no later event has brought the word of. */
static void tell_overdue(struct hub *hub)
{
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		if (!subscription->lagging)
			subscription_tell_losses(subscription);
}

static void drop_stalled(struct hub *hub)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		if (call_stalled_for(subscription->call, now) >
				limit_value(LIMIT_OBSERVER_STALL) * NS_PER_SECOND) {
			hub->counters.stalled++;
			call_drop_peer(subscription->call, "it accepted nothing of its stream for too long");
		}
}

static void on_tick(evutil_socket_t fd, short what, void *userdata)
{
	struct hub *hub = userdata;

	drop_stalled(hub);
	tell_overdue(hub);
	/*
	 * What nobody has watched yet is named now: the symbols of what is unloaded are kept for a
	 * while only. Of a fast stream most events are pushed out before, and cost nothing.
	 */
	history_encode(hub->history, hub->config.encoder, limit_value(LIMIT_TURN_RECORDS));
}

int hub_new(const struct hub_config *config, struct hub **ret)
{
	size_t events = limit_value(LIMIT_TURN_RECORDS) * sizeof(struct observation *);
	struct hub *hub = calloc(1, sizeof(*hub) + events);

	if (!hub)
		return -ENOMEM;
	TAILQ_INIT(&hub->subscriptions);
	hub->config = *config;
	hub->turn = 1;
	hub->tick = event_new(config->base, -1, EV_PERSIST, on_tick, hub);
	if (!hub->tick || history_new(&hub->history) < 0 ||
			event_add(hub->tick, &(struct timeval){.tv_sec = 1}) < 0) {
		hub_free(hub);
		return -ENOMEM;
	}
	*ret = hub;
	return 0;
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	event_clear(&hub->tick);
	history_free(hub->history);
	free(hub);
}

static void on_drained(struct call *call, void *userdata)
{
	struct subscription *subscription = userdata;
	const struct hub_config *config = &subscription->hub->config;

	/* One that drained because it was left out is not faster for it. */
	if (!subscription->lagging)
		subscription->outpaced = false;
	subscription->lagging = false;
	subscription_tell_losses(subscription);
	config->drained(config->userdata);
}

static void on_closed(struct call *call, void *userdata)
{
	subscription_free(userdata);
}

static const struct call_stream_events subscription_events = {
	.on_closed = on_closed,
	.on_drained = on_drained,
};

static void replay(struct subscription *subscription, bool everything, uint64_t wanted)
{
	const struct history *history = subscription->hub->history;
	size_t i = everything ? 0 : history_length(history);

	while (i > 0 && wanted > 0)
		if (subscription_watches_any(subscription, history_at(history, --i)))
			wanted--;
	for (; i < history_length(history); i++)
		if (subscription_watches_any(subscription, history_at(history, i)))
			subscription_deliver(subscription, history_at(history, i), call_queue);
	call_flush(subscription->call);
	history_weigh(subscription->hub->history);
}

int hub_subscribe(struct hub *hub, struct call *call, const struct subscription_config *config)
{
	size_t ids = config->n_attachments * sizeof(uint32_t);
	struct subscription *subscription = calloc(1, sizeof(*subscription) + ids);

	if (!subscription || !charge_take(&subscription->charge, peer_account(call_peer(call)),
			RESOURCE_OBSERVERS, 1)) {
		int r = subscription ? -EDQUOT : -ENOMEM;

		json_object_put(config->greeting);
		free(subscription);
		return r;
	}
	subscription->hub = hub;
	subscription->call = call;
	subscription->view = config->view;
	subscription->watches_all = config->n_attachments == 0;
	subscription->n_attachments = config->n_attachments;
	if (ids)
		memcpy(subscription->attachments, config->attachments, ids);
	subscription->after = config->after;
	subscription->untold = config->missed;
	/* Else a later loss would seem to be of these numbers, which the observer has behind it. */
	if (config->missed.by_cause[LOSS_SLOW_OBSERVER]) {
		subscription->first_skipped = config->after + 1;
		subscription->last_skipped = config->last_missed;
	}
	TAILQ_INSERT_TAIL(&hub->subscriptions, subscription, entries);
	call_stream(call, &subscription_events, subscription);
	/* Before it knows: should lbrd end now, the next one waits for it. */
	hub->config.subscribed(hub->config.userdata);
	if (config->greeting)
		call_send_json(call, config->greeting);
	subscription_tell_losses(subscription);
	replay(subscription, config->resumes, config->replay);
	return 0;
}

/* ---- what all get ---- */

uint64_t hub_next_sequence(struct hub *hub)
{
	return ++hub->sequence;
}

void hub_continue(struct hub *hub, uint64_t sequence)
{
	hub->sequence = sequence;
}

uint64_t hub_first_kept(const struct hub *hub)
{
	return history_length(hub->history) ? history_at(hub->history, 0)->sequence : 0;
}

uint64_t hub_last_kept(const struct hub *hub)
{
	size_t n = history_length(hub->history);

	return n ? history_at(hub->history, n - 1)->sequence : 0;
}

bool hub_is_flushed(const struct hub *hub)
{
	const struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		if (call_queued(subscription->call))
			return false;
	return true;
}

void hub_publish(struct hub *hub, struct observation *observation)
{
	hub->counters.published++;
	history_keep(hub->history, observation);
	hub->events[hub->n_events++] = observation_ref(observation);
	if (hub->n_events == limit_value(LIMIT_TURN_RECORDS))
		hub_flush(hub);
}

/* One observer after the other, for what is known of one fits in the CPU's nearest cache. */
void hub_flush(struct hub *hub)
{
	int (*send)(struct call *, struct frame *) = hub->n_events == 1 ? call_send : call_queue;
	struct subscription *subscription;

	if (!hub->n_events)
		return;
	TAILQ_FOREACH(subscription, &hub->subscriptions, entries) {
		for (size_t i = 0; i < hub->n_events; i++)
			if (subscription_watches_any(subscription, hub->events[i]))
				subscription_deliver(subscription, hub->events[i], send);
		if (send == call_queue)
			call_flush(subscription->call);
	}
	while (hub->n_events)
		observation_unref(hub->events[--hub->n_events]);
}

void hub_publish_losses(struct hub *hub, uint32_t attachment, const struct losses *losses)
{
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries) {
		if (!subscription_watches(subscription, attachment))
			continue;
		subscription->untold_attachment =
				losses_total(&subscription->untold) ? 0 : attachment;
		losses_add(&subscription->untold, losses);
		if (!subscription->lagging)
			subscription_tell_losses(subscription);
	}
}

static struct json_object *ending_json(const struct ending *ending)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	reply_add_int(object, "attachment", ending->attachment);
	reply_add_string(object, "reason", ending->reason);
	reply_add_int(object, "events", ending->events);
	reply_add(object, "losses", reply_losses(&ending->losses));
	return reply_wrap("ended", object);
}

void hub_publish_ending(struct hub *hub, const struct ending *ending)
{
	struct subscription *subscription, *next;

	for (subscription = TAILQ_FIRST(&hub->subscriptions); subscription; subscription = next) {
		next = TAILQ_NEXT(subscription, entries);
		if (!subscription_watches(subscription, ending->attachment))
			continue;
		subscription_tell_losses(subscription);
		if (subscription_forget(subscription, ending->attachment)) {
			call_reply(subscription->call, ending_json(ending));
			subscription_free(subscription);
		} else {
			call_send_json(subscription->call, ending_json(ending));
		}
	}
}

void hub_recheck(struct hub *hub, bool (*may_go_on)(struct call *call, enum view *view,
		struct json_object **ret_why, void *userdata), void *userdata)
{
	struct subscription *subscription, *next;
	struct json_object *why;

	for (subscription = TAILQ_FIRST(&hub->subscriptions); subscription; subscription = next) {
		next = TAILQ_NEXT(subscription, entries);
		if (may_go_on(subscription->call, &subscription->view, &why, userdata))
			continue;
		call_error(subscription->call, VARLINK_E_PERMISSION_DENIED, why);
		subscription_free(subscription);
	}
}

void hub_publish_index(struct hub *hub, const struct index_status *status)
{
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		call_send_json(subscription->call, reply_wrap("index", reply_index(status)));
}

size_t hub_n_observers(const struct hub *hub, uint32_t attachment)
{
	const struct subscription *subscription;
	size_t n = 0;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		n += !attachment || subscription_watches(subscription, attachment);
	return n;
}

void hub_count(const struct hub *hub, struct hub_counters *ret)
{
	*ret = hub->counters;
	ret->kept_events = history_length(hub->history);
	ret->kept_bytes = history_bytes(hub->history);
}
