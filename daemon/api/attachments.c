/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of attachments. Rule: an attachment that went active ends through attachments_end(),
 * begin_draining() and finish(), so that every event its targets had is published or counted
 * before its last word.
 */
#include "daemon/api/attachments.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "daemon/api/attachments-internal.h"
#include "daemon/api/state.h"

int attachments_new(const struct attachments_config *config, struct attachments **ret)
{
	struct attachments *attachments = calloc(1, sizeof(*attachments));

	if (!attachments)
		return -ENOMEM;
	attachments->config = *config;
	tracings_init(&attachments->tracings, config->trace);
	TAILQ_INIT(&attachments->list);
	*ret = attachments;
	return 0;
}

void attachment_discard(struct attachments *attachments, struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->n_uses; i++)
		use_drop(&attachment->uses[i]);
	if (!attachment->without_branches)
		lbr_release(attachments->config.lbr);
	charge_release(&attachment->charge);
	charge_release(&attachment->targets_charge);
	free(attachment);
}

void attachment_add(struct attachments *attachments, struct attachment *attachment)
{
	TAILQ_INSERT_TAIL(&attachments->list, attachment, entries);
	attachments->count++;
}

void attachment_remove(struct attachments *attachments, struct attachment *attachment)
{
	TAILQ_REMOVE(&attachments->list, attachment, entries);
	attachments->count--;
	attachment_discard(attachments, attachment);
}

void attachments_free(struct attachments *attachments)
{
	struct attachment *attachment;

	if (!attachments)
		return;
	while ((attachment = TAILQ_FIRST(&attachments->list)))
		attachment_remove(attachments, attachment);
	tracings_deinit(&attachments->tracings);
	free(attachments);
}

/* ---- the end ---- */

static const char *const end_reasons[] = {
	[END_DETACHED] = "detached",
	[END_LIMIT] = "limit",
	[END_OWNER_GONE] = "ownerGone",
	[END_TARGETS_GONE] = "targetsGone",
	[END_SHUTDOWN] = "shutdown",
};

/* Whether there are any. They are to be told once state_commit_losses() has written them down. */
static bool collect_losses(struct attachments *attachments, struct attachment *attachment,
		bool exact)
{
	struct losses losses = attachment->unreported;

	for (size_t i = 0; i < attachment->n_uses; i++)
		use_collect_losses(&attachment->uses[i], exact, &losses);
	attachment->unreported = (struct losses){};
	if (!losses_total(&losses))
		return false;
	losses_add(&attachment->losses, &losses);
	losses_add(&attachment->untold, &losses);
	losses_add(&attachments->losses, &losses);
	return true;
}

static void tell_losses(struct attachments *attachments, struct attachment *attachment)
{
	if (!losses_total(&attachment->untold))
		return;
	hub_publish_losses(attachments->config.hub, attachment->id, &attachment->untold);
	attachment->untold = (struct losses){};
}

static bool is_detaching(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->n_uses; i++)
		if (tracer_is_detaching(attachment->uses[i].tracing->tracer))
			return true;
	return false;
}

void attachment_abandon(struct attachments *attachments, struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->n_uses; i++)
		tracer_deactivate(attachment->uses[i].tracing->tracer);
	if (!is_detaching(attachment)) {
		attachment_discard(attachments, attachment);
		return;
	}
	attachment->state = ATTACHMENT_ABANDONED;
	attachment->peer = NULL;
	attachment_add(attachments, attachment);
}

/* From here on no event of its own happens; those that did are in the ring. */
static void begin_draining(struct attachments *attachments, struct attachment *attachment)
{
	const struct attachments_config *config = &attachments->config;

	attachment->state = ATTACHMENT_DRAINING;
	attachment->active_until = clock_ns(CLOCK_MONOTONIC);
	/* What a reached limit leaves unread is not waited for. */
	attachment->drained_at = attachment->end_reason == END_LIMIT ?
			trace_position(config->trace) : trace_end(config->trace);
	config->turn_wanted(config->userdata);
}

void attachments_end(struct attachments *attachments, struct attachment *attachment,
		enum end_reason reason)
{
	if (attachment->state != ATTACHMENT_ACTIVE)
		return;
	attachment_unkeep(attachments, attachment);
	attachment->state = ATTACHMENT_DETACHING;
	attachment->end_reason = reason;
	attachment->peer = NULL;
	for (size_t i = 0; i < attachment->n_uses; i++)
		tracer_deactivate(attachment->uses[i].tracing->tracer);
	if (!is_detaching(attachment))
		begin_draining(attachments, attachment);
}

/* What a reached limit leaves unread is not lost: nobody asked for it. */
static bool tells_losses(const struct attachment *attachment)
{
	return attachment->state != ATTACHMENT_ABANDONED && attachment->end_reason != END_LIMIT;
}

static void finish(struct attachments *attachments, struct attachment *attachment)
{
	struct ending ending = {
		.attachment = attachment->id,
		.reason = end_reasons[attachment->end_reason],
	};

	if (tells_losses(attachment) && collect_losses(attachments, attachment, true))
		state_commit_losses(attachments->config.state, attachments);
	tell_losses(attachments, attachment);
	ending.losses = attachment->losses;
	ending.events = attachment->events + losses_total(&attachment->losses);
	hub_publish_ending(attachments->config.hub, &ending);
	attachment_remove(attachments, attachment);
	attachments->config.gone(ending.attachment, attachments->config.userdata);
}

void attachments_peer_gone(struct attachments *attachments, struct peer *peer)
{
	struct attachment *attachment;

	TAILQ_FOREACH(attachment, &attachments->list, entries)
		if (attachment->peer == peer)
			attachments_end(attachments, attachment, END_OWNER_GONE);
}

void attachments_shut_down(struct attachments *attachments)
{
	struct attachment *attachment;

	TAILQ_FOREACH(attachment, &attachments->list, entries)
		if (!attachment->kept)
			attachments_end(attachments, attachment, END_SHUTDOWN);
}

/* ---- on the snapshots' way ---- */

bool attachments_admit(struct attachments *attachments, const struct snapshot *snapshot,
		struct audience *ret)
{
	return tracings_admit(&attachments->tracings, snapshot, ret);
}

void attachments_count_malformed(struct attachments *attachments)
{
	struct attachment *attachment;

	TAILQ_FOREACH(attachment, &attachments->list, entries)
		tracings_count_lost(&attachments->tracings, attachment, LOSS_MALFORMED);
}

void attachments_count_unpublished(struct attachments *attachments,
		const struct audience *audience)
{
	struct attachment *attachment;

	TAILQ_FOREACH(attachment, &attachments->list, entries)
		for (size_t i = 0; i < audience->n_attachments; i++)
			if (audience->attachments[i] == attachment->id) {
				attachment->events--;
				tracings_count_lost(&attachments->tracings, attachment,
						LOSS_MALFORMED);
			}
}

/* First those of all, for the state is then written once. */
static void settle_losses(struct attachments *attachments)
{
	struct attachment *attachment;
	bool any = false;

	TAILQ_FOREACH(attachment, &attachments->list, entries) {
		if (attachment->filter.limit && attachment->events >= attachment->filter.limit)
			attachments_end(attachments, attachment, END_LIMIT);
		if (tells_losses(attachment))
			any |= collect_losses(attachments, attachment, false);
	}
	if (any)
		state_commit_losses(attachments->config.state, attachments);
}

void attachments_settle(struct attachments *attachments, bool ring_empty)
{
	uint64_t position = trace_position(attachments->config.trace);
	struct attachment *attachment, *next;

	settle_losses(attachments);
	for (attachment = TAILQ_FIRST(&attachments->list); attachment; attachment = next) {
		next = TAILQ_NEXT(attachment, entries);
		if (attachment->state == ATTACHMENT_ABANDONED) {
			if (!is_detaching(attachment))
				attachment_remove(attachments, attachment);
			continue;
		}
		if (attachment->state == ATTACHMENT_DRAINING &&
				(ring_empty || position >= attachment->drained_at)) {
			finish(attachments, attachment);
			continue;
		}
		tell_losses(attachments, attachment);
		if (attachment->state == ATTACHMENT_DETACHING && !is_detaching(attachment))
			begin_draining(attachments, attachment);
	}
}

static bool all_targets_gone(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->n_uses; i++)
		if (!tracer_target_gone(attachment->uses[i].tracing->tracer))
			return false;
	return true;
}

void attachments_tick(struct attachments *attachments)
{
	struct attachment *attachment = NULL;
	bool any = false;

	while ((attachment = attachments_next(attachments, attachment))) {
		if (all_targets_gone(attachment))
			attachments_end(attachments, attachment, END_TARGETS_GONE);
		else
			any |= collect_losses(attachments, attachment, true);
	}
	if (any)
		state_commit_losses(attachments->config.state, attachments);
	while ((attachment = attachments_next(attachments, attachment)))
		tell_losses(attachments, attachment);
}
