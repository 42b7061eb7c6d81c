/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the ring waits for observers. Rule: who is slow is waited for once, and not again before it
 * has caught up; so nobody can hold up the others for longer than a moment.
 */
#include "common/clock.h"
#include "daemon/api/hub-internal.h"
#include "daemon/api/limits.h"

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
			limit_value(LIMIT_PACE_STALL) * NS_PER_MS;
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
	else if (now - hub->waiting_since > limit_value(LIMIT_PACE_WAIT) * NS_PER_MS) {
		give_up(hub);
		behind = false;
	}
	if (!behind)
		hub->turn++;
	return behind;
}
