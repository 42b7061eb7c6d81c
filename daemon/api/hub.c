/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-out. Rule: has_room() alone decides whether an observer gets a snapshot; what it does not get
 * is counted and told before anything else it gets. Nobody waits for anybody.
 */
#include "daemon/api/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "daemon/api/history.h"
#include "daemon/api/limits.h"
#include "daemon/api/replies.h"
#include "daemon/wire/event-clear.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND (1000 * MILLISECOND)

struct subscription {
	/* What a delivery needs stands together: in a fan-out it comes from a far cache. */
	TAILQ_ENTRY(subscription) entries;
	struct call *call;
	uint64_t wanted_in; /* the latest turn with an event for it */
	uint64_t first_skipped; /* 0: none */
	enum view view;
	bool lagging; /* skips until its queue has drained */
	bool watches_all;
	bool outpaced; /* others waited for it in vain */
	struct hub *hub;

	struct charge charge; /* as an observer; holds the user's account */
	uint64_t last_skipped;
	struct losses untold;
	uint32_t untold_attachment; /* 0: several, or the observer's own slowness */
	uint64_t after; /* it has had the events up to this number from an earlier lbrd */
	size_t n_attachments;
	uint32_t attachments[];
};

struct hub {
	struct hub_config config;
	struct event *tick;
	struct history *history;
	struct hub_counters counters;
	uint64_t sequence;
	uint64_t turn;
	uint64_t waiting_since; /* observers that have caught up, for some that have not; 0: none */
	TAILQ_HEAD(, subscription) subscriptions;
	size_t n_events; /* of this turn, not handed out yet */
	struct observation *events[];
};

static void tell_losses(struct subscription *subscription)
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

/* What was lost for want of memory, and no later event has brought the word of. */
static void tell_overdue(struct hub *hub)
{
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		if (!subscription->lagging)
			tell_losses(subscription);
}

static void drop_stalled(struct hub *hub)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		if (call_stalled_for(subscription->call, now) >
				limit_value(LIMIT_OBSERVER_STALL) * SECOND) {
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

static void subscription_free(struct subscription *subscription)
{
	TAILQ_REMOVE(&subscription->hub->subscriptions, subscription, entries);
	charge_release(&subscription->charge);
	free(subscription);
}

static bool watches(const struct subscription *subscription, uint32_t attachment)
{
	if (subscription->watches_all)
		return true;
	for (size_t i = 0; i < subscription->n_attachments; i++)
		if (subscription->attachments[i] == attachment)
			return true;
	return false;
}

static bool watches_any(const struct subscription *subscription,
		const struct observation *observation)
{
	for (size_t i = 0; i < observation->n_attachments; i++)
		if (watches(subscription, observation->attachments[i]))
			return true;
	return false;
}

/* ---- what one observer gets ---- */

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

/* `send`: call_send(), or call_queue() of several that leave together. */
static inline void deliver(struct subscription *subscription, struct observation *observation,
		int (*send)(struct call *call, struct frame *frame))
{
	enum view view = subscription->view;
	struct hub *hub = subscription->hub;

	if (observation->sequence <= subscription->after)
		return;
	subscription->wanted_in = hub->turn;
	if (subscription->first_skipped && !subscription->lagging)
		tell_losses(subscription);
	if (!has_room(subscription))
		skip(subscription, observation->sequence, LOSS_SLOW_OBSERVER);
	else if ((!observation->frames[view] &&
			encoder_encode(hub->config.encoder, observation, view) < 0) ||
			send(subscription->call, observation->frames[view]) < 0)
		skip(subscription, observation->sequence, LOSS_MALFORMED);
	else
		hub->counters.delivered++;
}

static void on_drained(struct call *call, void *userdata)
{
	struct subscription *subscription = userdata;
	const struct hub_config *config = &subscription->hub->config;

	/* One that drained because it was left out is not faster for it. */
	if (!subscription->lagging)
		subscription->outpaced = false;
	subscription->lagging = false;
	tell_losses(subscription);
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
		if (watches_any(subscription, history_at(history, --i)))
			wanted--;
	for (; i < history_length(history); i++)
		if (watches_any(subscription, history_at(history, i)))
			deliver(subscription, history_at(history, i), call_queue);
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
	if (config->last_missed) {
		subscription->first_skipped = config->after + 1;
		subscription->last_skipped = config->last_missed;
	}
	TAILQ_INSERT_TAIL(&hub->subscriptions, subscription, entries);
	call_stream(call, &subscription_events, subscription);
	/* Before it knows: should lbrd end now, the next one waits for it. */
	hub->config.subscribed(hub->config.userdata);
	if (config->greeting)
		call_send_json(call, config->greeting);
	tell_losses(subscription);
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
			if (watches_any(subscription, hub->events[i]))
				deliver(subscription, hub->events[i], send);
		if (send == call_queue)
			call_flush(subscription->call);
	}
	while (hub->n_events)
		observation_unref(hub->events[--hub->n_events]);
}

/* What comes now would be too much for it, or is lost to it already. */
static bool is_behind(const struct subscription *subscription)
{
	return subscription->lagging ||
			call_queued(subscription->call) > limit_value(LIMIT_PACE_BYTES);
}

static bool is_worth_waiting_for(const struct subscription *subscription, uint64_t now)
{
	return is_behind(subscription) && !subscription->outpaced &&
			call_stalled_for(subscription->call, now) <
			limit_value(LIMIT_PACE_STALL) * MILLISECOND;
}

/* Those that are behind now are not waited for again before they have caught up. */
static void give_up(struct hub *hub)
{
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries)
		if (is_behind(subscription))
			subscription->outpaced = true;
}

bool hub_is_busy(struct hub *hub)
{
	const struct subscription *subscription;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool behind = false, waiting = false;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries) {
		if (subscription->wanted_in != hub->turn)
			continue;
		behind |= is_worth_waiting_for(subscription, now);
		waiting |= !is_behind(subscription);
	}
	if (!behind || !waiting)
		hub->waiting_since = 0;
	else if (!hub->waiting_since)
		hub->waiting_since = now;
	else if (now - hub->waiting_since > limit_value(LIMIT_PACE_WAIT) * MILLISECOND) {
		give_up(hub);
		behind = false;
	}
	if (!behind)
		hub->turn++;
	return behind;
}

void hub_publish_losses(struct hub *hub, uint32_t attachment, const struct losses *losses)
{
	struct subscription *subscription;

	TAILQ_FOREACH(subscription, &hub->subscriptions, entries) {
		if (!watches(subscription, attachment))
			continue;
		subscription->untold_attachment =
				losses_total(&subscription->untold) ? 0 : attachment;
		losses_add(&subscription->untold, losses);
		if (!subscription->lagging)
			tell_losses(subscription);
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

/* Whether there is nothing left that the subscription could ever get. */
static bool forget_attachment(struct subscription *subscription, uint32_t attachment)
{
	size_t kept = 0;

	for (size_t i = 0; i < subscription->n_attachments; i++)
		if (subscription->attachments[i] != attachment)
			subscription->attachments[kept++] = subscription->attachments[i];
	subscription->n_attachments = kept;
	return !subscription->watches_all && !kept;
}

void hub_publish_ending(struct hub *hub, const struct ending *ending)
{
	struct subscription *subscription, *next;

	for (subscription = TAILQ_FIRST(&hub->subscriptions); subscription; subscription = next) {
		next = TAILQ_NEXT(subscription, entries);
		if (!watches(subscription, ending->attachment))
			continue;
		tell_losses(subscription);
		if (forget_attachment(subscription, ending->attachment)) {
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
		n += !attachment || watches(subscription, attachment);
	return n;
}

void hub_count(const struct hub *hub, struct hub_counters *ret)
{
	*ret = hub->counters;
	ret->kept_events = history_length(hub->history);
	ret->kept_bytes = history_bytes(hub->history);
}
