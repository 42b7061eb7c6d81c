/* SPDX-License-Identifier: Apache-2.0 */
/* Hands events, losses and ends to every observer, and alone decides what a slow one gets. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/api/encoder.h"
#include "daemon/api/observation.h"
#include "daemon/model/index-status.h"
#include "daemon/model/losses.h"
#include "daemon/wire/server.h"

struct hub;
struct subscription;

struct hub_config {
	struct event_base *base;
	struct encoder *encoder; /* makes the frame of a view when it is first wanted */
	/* An observer has read all that was queued for it: hub_is_busy() may have changed. */
	void (*drained)(void *userdata);
	/* There is one observer more. */
	void (*subscribed)(void *userdata);
	void *userdata;
};

int hub_new(const struct hub_config *config, struct hub **ret);
/* No subscription may be left: free the server first. */
void hub_free(struct hub *hub);

struct subscription_config {
	const uint32_t *attachments; /* copied */
	size_t n_attachments; /* 0: all, those to come included */
	enum view view;
	struct json_object *greeting; /* its first reply; taken over. NULL: it has had that */
	uint64_t replay; /* how many of the latest matching events come first */
	/*
	 * It goes on behind the event with the number `after`: what is kept of those that came
	 * later comes first, and the others, and what else it has not been told of, are reported
	 * as lost; no event up to `last_missed` can be delivered any more.
	 */
	bool resumes;
	uint64_t after;
	struct losses missed;
	uint64_t last_missed;
};

/*
 * Makes an open call an observer; the subscription lives until the peer is gone or the stream
 * ended. The caller has sent the first reply if there is no greeting, and made sure before that its
 * user may have another RESOURCE_OBSERVERS (else -EDQUOT). -ENOMEM.
 */
int hub_subscribe(struct hub *hub, struct call *call, const struct subscription_config *config);

/*
 * Asks of every stream whether it may go on; if so, in which view from now on. Else it ends with
 * PermissionDenied and the parameters `ret_why`.
 */
void hub_recheck(struct hub *hub, bool (*may_go_on)(struct call *call, enum view *view,
		struct json_object **ret_why, void *userdata), void *userdata);

/* The number for the next event. */
uint64_t hub_next_sequence(struct hub *hub);
/* Before the first event: the numbers go on behind this one. */
void hub_continue(struct hub *hub, uint64_t sequence);
/* The numbers of the oldest and the latest event that are kept for replay; 0: there is none. */
uint64_t hub_first_kept(const struct hub *hub);
uint64_t hub_last_kept(const struct hub *hub);
/* Whether the socket of every observer has taken all that was sent. */
bool hub_is_flushed(const struct hub *hub);

/*
 * Keeps the event for replay, and for all whose subscription it matches, to whom hub_flush() hands
 * it. The text of a view is made when the first of them wants it: an event that nobody watches
 * costs none.
 */
void hub_publish(struct hub *hub, struct observation *observation);
/*
 * At the end of a turn, before anything else is told to observers: what was published in it leaves
 * together, one system call per observer.
 */
void hub_flush(struct hub *hub);

/*
 * True while observers that the latest turn had events for still have much to read, and read.
 * Then records are better off in the ring, where they take a tenth of the room. Nobody is slowed
 * down by that: an observer that has caught up waits a moment at most for those that have not, and
 * then not again for the same ones. Begins a new turn when false.
 */
bool hub_is_busy(struct hub *hub);

/* Tells all observers of an attachment what was lost before it could be published. */
void hub_publish_losses(struct hub *hub, uint32_t attachment, const struct losses *losses);

struct ending {
	uint32_t attachment;
	const char *reason; /* a member of Ended.reason */
	uint64_t events; /* published + lost */
	struct losses losses;
};

/* The last word on an attachment. Never dropped. Ends the streams that watch nothing else. */
void hub_publish_ending(struct hub *hub, const struct ending *ending);

/* Tells all observers how far an index has come. */
void hub_publish_index(struct hub *hub, const struct index_status *status);

/* Attachment 0: all observers; else those that observe it. */
size_t hub_n_observers(const struct hub *hub, uint32_t attachment);

struct hub_counters {
	uint64_t published; /* events */
	uint64_t delivered; /* events times observers */
	uint64_t skipped; /* snapshots that slow observers did not get */
	uint64_t stalled; /* observers that were disconnected */
	uint64_t kept_events;
	uint64_t kept_bytes;
};
void hub_count(const struct hub *hub, struct hub_counters *ret);
