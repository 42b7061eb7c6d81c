/* SPDX-License-Identifier: Apache-2.0 */
/* What hub.c, subscription.c and pacing.c know of each other. */
#pragma once

#include <sys/queue.h>

#include "daemon/api/hub.h"

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

void subscription_free(struct subscription *subscription);
bool subscription_watches(const struct subscription *subscription, uint32_t attachment);
bool subscription_watches_any(const struct subscription *subscription,
		const struct observation *observation);
/*
 * Gives it the event, or counts it as lost to it. `send`: call_send(), or call_queue() of several
 * that leave together.
 */
void subscription_deliver(struct subscription *subscription, struct observation *observation,
		int (*send)(struct call *call, struct frame *frame));
/* What it has lost and was not told; what cannot be told now is told later. */
void subscription_tell_losses(struct subscription *subscription);
/* An attachment has ended. True: there is nothing left that the subscription could ever get. */
bool subscription_forget(struct subscription *subscription, uint32_t attachment);
