/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this lbrd leaves to the next one: its persistent attachments, how far each has come, and the
 * numbers of the events on their way, in memory that the keeper holds with the tracers.
 *
 * It is a row of transactions. One is settled by state_commit(); what happened since then does not
 * count for the next lbrd: it is handed the same records of the ring again, and gives their events
 * the same numbers. Losses are written down before anybody is told of them, so that no lbrd tells
 * of them twice. Without a keeper there is nothing to it but numbers, and giving places back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/api/observation.h"
#include "daemon/api/state-view.h"
#include "daemon/trace/keeper.h"
#include "daemon/trace/lbr.h"
#include "daemon/trace/trace.h"

struct attachments;
struct hub;
struct state;

struct state_config {
	const struct keeper *keeper; /* NULL: nothing outlives this process */
	struct trace *trace;
	struct lbr *lbr;
	struct hub *hub;
	const struct state_view *previous; /* of the state taken over; NULL: none. Borrowed */
};

/* The names by which the keeper has states begin so; the generation follows. */
#define STATE_NAME "lbrd-state-"

/* Keeps nothing before the first state_save(). */
int state_new(const struct state_config *config, struct state **ret);
/* The keeper keeps what it has. NULL is fine. */
void state_free(struct state *state);

/*
 * The kept attachments are others than before: writes all anew, and commits. On a negative errno
 * the state is still the one from before.
 */
int state_save(struct state *state, struct attachments *attachments);
/* What was handed up so far has been dealt with, and its place in the ring is given back. */
void state_commit(struct state *state, struct attachments *attachments);
/*
 * The losses as they are counted by now, which observers may be told from then on. The places in
 * the ring stay as they are: the records come again, what was lost of them is not counted again.
 */
void state_commit_losses(struct state *state, struct attachments *attachments);
/* So much is open that it had better be committed, even if observers have yet to read it. */
bool state_is_long(const struct state *state);

/*
 * How many records may be handed up before the next commit, at least one: the journal holds the
 * numbers of all their events, even if each is an event of `n_attachments`.
 */
size_t state_room(const struct state *state, size_t n_attachments);
/*
 * Before an event is published. Its number is the one that an earlier lbrd gave to the event of
 * this record, or the hub's next.
 */
uint64_t state_number(struct state *state, const struct audience *audience);

/* The highest number that an earlier lbrd gave; 0: none. Only before the first state_save(). */
uint64_t state_last_number(const struct state *state);

/* Names this row of sequence numbers; "" when there is none that goes on. */
const char *state_lineage(const struct state *state);
/* The number of the last event that has been published; what an observer begins behind. */
uint64_t state_sequence(const struct state *state);
/*
 * An attachment was made, or there are other observers than before: no later lbrd gives the numbers
 * to others, and the observers are waited for.
 */
void state_count(struct state *state, struct attachments *attachments);
/*
 * How many of the events numbered behind `after` and before those that can still be delivered
 * belong to one of `ids`, as far as the journal reaches (n 0: all do). `ret_last` is the last one
 * that was looked at.
 */
uint64_t state_missed(const struct state *state, uint64_t after, const uint32_t *ids, size_t n,
		uint64_t *ret_last);
