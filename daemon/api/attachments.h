/* SPDX-License-Identifier: Apache-2.0 */
/* All attachments: made whole or not at all, ended without losing what is still in the ring. */
#pragma once

#include "daemon/api/attachment.h"
#include "daemon/api/hub.h"
#include "daemon/api/limits.h"
#include "daemon/symbol/symbols.h"
#include "daemon/trace/lbr.h"
#include "daemon/trace/targets.h"
#include "daemon/trace/trace.h"

struct attachments;

struct state;
struct state_view;

struct attachments_config {
	const struct keeper *keeper; /* NULL: no attachment outlives this process */
	struct state *state; /* told of every change of what does */
	struct trace *trace;
	struct lbr *lbr;
	struct symbols *symbols;
	struct hub *hub;
	/* A persistent attachment does not outlive this process, for this reason. */
	void (*not_kept)(uint32_t id, int error, void *userdata);
	/* An attachment is gone: its end has been published, its tracers are released. */
	void (*gone)(uint32_t id, void *userdata);
	/* Records wait that only a turn of the pipeline will take, and so finish an ending. */
	void (*turn_wanted)(void *userdata);
	void *userdata;
};

int attachments_new(const struct attachments_config *config, struct attachments **ret);
/* Ends and forgets what is left, without draining. */
void attachments_free(struct attachments *attachments);

/*
 * Before anything else is attached: goes on with the attachments of an earlier lbrd, whose tracers
 * the trace has taken over. All or none: NULL, or the reason why none.
 */
const char *attachments_restore(struct attachments *attachments, const struct state_view *view);

enum attach_error {
	ATTACH_E_TARGETS = 1, /* see the failures in the list */
	ATTACH_E_BRANCH_RECORDS, /* detail: enum lbr_error, 0 when the helper is missing */
	ATTACH_E_TRACING, /* detail: negative errno of the probe */
	ATTACH_E_LIMIT, /* detail: enum limit_id */
	ATTACH_E_SHARE, /* detail: the resource of which the user has as much as it may */
};

struct attach_request {
	struct target_list *list; /* in: the targets; out: failures appended */
	struct attachment_filter filter;
	bool without_branches;
	bool partial;
	struct peer *peer; /* NULL: persistent */
	struct account *account; /* of the owner; borrowed */
	struct peer_credentials owner;
};

/* Charges those that an earlier lbrd left to their owners, however much these have. -ENOMEM. */
int attachments_charge(struct attachments *attachments, struct accounts *accounts);

/* NULL: no such attachment, or it is ending already. */
struct attachment *attachments_find(struct attachments *attachments, uint32_t id);
/* Iteration in the order of attaching; those that are ending are passed over. */
struct attachment *attachments_next(struct attachments *attachments, struct attachment *previous);
size_t attachments_count(const struct attachments *attachments);
/* What was reported as lost so far: of those with these ids, or (n 0) of all there ever were. */
void attachments_losses(struct attachments *attachments, const uint32_t *ids, size_t n,
		struct losses *ret);
/*
 * The position in the ring up to which losses of records are counted: it may be ahead, for an
 * earlier lbrd counted them before it ended.
 */
uint64_t attachments_counted_until(const struct attachments *attachments);
/* The highest id that was ever given. */
uint32_t attachments_last_id(const struct attachments *attachments);
/* The ids of the attachments that trace a program: at most `max`, returns how many. */
size_t attachments_of_program(struct attachments *attachments, uint32_t program_id, uint32_t *ids,
		size_t max);

/*
 * Switches the attachment's tracers off; once its records have left the ring its end is published
 * and it is gone.
 */
void attachments_end(struct attachments *attachments, struct attachment *attachment,
		enum end_reason reason);
/* Ends what lives as long as this peer. */
void attachments_peer_gone(struct attachments *attachments, struct peer *peer);
/* Ends all that do not outlive this process. */
void attachments_shut_down(struct attachments *attachments);

/* Who wants this record: see tracings_admit(). */
bool attachments_admit(struct attachments *attachments, const struct snapshot *snapshot,
		struct audience *ret);
/* A record was not well-formed: each attachment may be the one that lost it. */
void attachments_count_malformed(struct attachments *attachments);
/* An admitted record could not be published: memory ran out. Counted as malformed. */
void attachments_count_unpublished(struct attachments *attachments,
		const struct audience *audience);

/* After each turn of draining: reports losses and finishes what has been drained. */
void attachments_settle(struct attachments *attachments, bool ring_empty);
/* Once a second: losses that only a system call tells, targets that went away. */
void attachments_tick(struct attachments *attachments);
