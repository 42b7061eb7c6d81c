/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of attachments. Rule: an attachment that went active ends through attachments_end(),
 * begin_draining() and finish(), so that every event its targets had is published or counted
 * before its last word.
 */
#include "daemon/api/attachments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static int list_add_failure(struct target_list *list, const struct target *target, int error,
		const char *detail)
{
	struct target_failure *failures;

	failures = reallocarray(list->failures, list->n_failures + 1, sizeof(*failures));
	if (!failures)
		return -ENOMEM;
	list->failures = failures;
	target_failure_set(&failures[list->n_failures++], target, error, detail);
	return 0;
}

/* Kernel functions are located by symbol; a program's functions were by the kernel's info. */
static void locate(struct symbols *symbols, struct target *target)
{
	if (target->kind == TARGET_FUNCTION && !target->start)
		symbols_find(symbols, target->function, target->module[0] ? target->module : NULL,
				&target->start, &target->end);
}

/* Without its address the target's rows could be neither found nor named. */
static bool is_hidden(struct symbols *symbols, const struct target *target)
{
	struct symbols_description description;

	if (target->start)
		return false;
	symbols_describe(symbols, &description);
	return target->kind == TARGET_PROGRAM || description.addresses_hidden;
}

static int load(struct attachments *attachments, struct attachment *attachment,
		struct target_list *list)
{
	char detail[256];
	int r;

	for (size_t i = 0; i < list->n_targets; i++) {
		struct use *use = &attachment->uses[attachment->n_uses];

		detail[0] = '\0';
		locate(attachments->config.symbols, &list->targets[i]);
		if (!attachment->without_branches &&
				is_hidden(attachments->config.symbols, &list->targets[i]))
			r = TARGET_E_ADDRESSES_HIDDEN;
		else
			r = use_take(&attachments->tracings, use, attachment, &list->targets[i],
					detail, sizeof(detail));
		if (r > 0)
			r = list_add_failure(list, &list->targets[i], r, detail);
		else if (r == 0)
			attachment->n_uses++;
		if (r < 0)
			return r;
	}
	return 0;
}

static int activate(struct attachments *attachments, struct attachment *attachment,
		struct target_list *list, bool partial)
{
	char detail[256];
	int r;

	for (size_t i = 0; i < attachment->n_uses;) {
		struct use *use = &attachment->uses[i];
		struct tracer *tracer = use->tracing->tracer;

		detail[0] = '\0';
		/* Before the first event: its own rows must be known as the tracer's. */
		symbols_add_tracer(attachments->config.symbols, tracer_program_id(tracer));
		r = use_activate(use, detail, sizeof(detail));
		if (r == 0) {
			i++;
			continue;
		}
		if (r > 0)
			r = list_add_failure(list, tracer_target(tracer), r, detail);
		if (r < 0 || !partial)
			return r;
		use_drop(use);
		/* Uses are linked into lists: the last one moves here by being taken anew. */
		*use = attachment->uses[--attachment->n_uses];
		if (i < attachment->n_uses) {
			LIST_REMOVE(&attachment->uses[attachment->n_uses], by_tracing);
			LIST_INSERT_HEAD(&use->tracing->uses, use, by_tracing);
		}
	}
	return 0;
}

static int acquire_branch_records(struct attachments *attachments, int *ret_detail)
{
	int r;

	*ret_detail = 0;
	if (!trace_has_snapshot_helper(attachments->config.trace))
		return ATTACH_E_BRANCH_RECORDS;
	r = lbr_acquire(attachments->config.lbr);
	if (r > 0) {
		*ret_detail = r;
		return ATTACH_E_BRANCH_RECORDS;
	}
	return r;
}

static struct attachment *attachment_new(struct attachments *attachments,
		const struct attach_request *request)
{
	size_t n_uses = request->list->n_targets;
	struct attachment *attachment;

	attachment = calloc(1, sizeof(*attachment) + n_uses * sizeof(attachment->uses[0]));
	if (!attachment)
		return NULL;
	attachment->id = ++attachments->last_id;
	attachment->peer = request->peer;
	attachment->owner = request->owner;
	attachment->filter = request->filter;
	attachment->without_branches = request->without_branches;
	attachment->active_until = UINT64_MAX;
	return attachment;
}

/* Whether to go on although some of the request's targets failed. */
static int judge(const struct attach_request *request, const struct attachment *attachment)
{
	if (request->list->n_failures && (!request->partial || !attachment->n_uses))
		return ATTACH_E_TARGETS;
	return 0;
}

int attachments_attach(struct attachments *attachments, struct attach_request *request,
		struct attachment **ret, int *ret_detail)
{
	struct attachment *attachment;
	int r;

	r = attachments_check_limits(attachments, request, ret_detail);
	if (r != 0)
		return r;
	r = trace_probe(attachments->config.trace);
	if (r < 0) {
		*ret_detail = r;
		return ATTACH_E_TRACING;
	}
	if (!request->without_branches) {
		r = acquire_branch_records(attachments, ret_detail);
		if (r != 0)
			return r;
	}
	attachment = attachment_new(attachments, request);
	if (!attachment) {
		if (!request->without_branches)
			lbr_release(attachments->config.lbr);
		return -ENOMEM;
	}

	r = attachment_take_charges(attachment, request, ret_detail);
	if (r == 0)
		r = load(attachments, attachment, request->list);
	if (r == 0)
		r = judge(request, attachment);
	if (r == 0) {
		attachment->since = clock_ns(CLOCK_REALTIME);
		attachment->active_from = clock_ns(CLOCK_MONOTONIC);
		r = activate(attachments, attachment, request->list, request->partial);
	}
	if (r == 0)
		r = judge(request, attachment);
	if (r != 0) {
		attachment_discard(attachments, attachment);
		return r;
	}
	/* The trampolines that activation made are known before their first record is read. */
	symbols_refresh(attachments->config.symbols);
	charge_resize(&attachment->targets_charge, attachment->n_uses);
	attachment_capture_code(attachments, attachment);
	attachment_add(attachments, attachment);
	state_count(attachments->config.state, attachments);
	if (!attachment->peer)
		attachment_keep(attachments, attachment);
	*ret = attachment;
	return 0;
}

/* ---- the end ---- */

static const char *const end_reasons[] = {
	[END_DETACHED] = "detached",
	[END_LIMIT] = "limit",
	[END_OWNER_GONE] = "ownerGone",
	[END_TARGETS_GONE] = "targetsGone",
	[END_SHUTDOWN] = "shutdown",
};

static void report_losses(struct attachments *attachments, struct attachment *attachment,
		bool exact)
{
	struct losses losses = attachment->unreported;

	for (size_t i = 0; i < attachment->n_uses; i++)
		use_collect_losses(&attachment->uses[i], exact, &losses);
	attachment->unreported = (struct losses){};
	if (!losses_total(&losses))
		return;
	losses_add(&attachment->losses, &losses);
	hub_publish_losses(attachments->config.hub, attachment->id, &losses);
}

static bool is_detaching(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->n_uses; i++)
		if (tracer_is_detaching(attachment->uses[i].tracing->tracer))
			return true;
	return false;
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

static void finish(struct attachments *attachments, struct attachment *attachment)
{
	struct ending ending = {
		.attachment = attachment->id,
		.reason = end_reasons[attachment->end_reason],
	};

	/* What a reached limit leaves unread is not lost: nobody asked for it. */
	if (attachment->end_reason != END_LIMIT)
		report_losses(attachments, attachment, true);
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
		attachment->unreported.by_cause[LOSS_MALFORMED]++;
}

void attachments_count_unpublished(struct attachments *attachments,
		const struct audience *audience)
{
	struct attachment *attachment;

	TAILQ_FOREACH(attachment, &attachments->list, entries)
		for (size_t i = 0; i < audience->n_attachments; i++)
			if (audience->attachments[i] == attachment->id) {
				attachment->events--;
				attachment->unreported.by_cause[LOSS_MALFORMED]++;
			}
}

void attachments_settle(struct attachments *attachments, bool ring_empty)
{
	uint64_t position = trace_position(attachments->config.trace);
	struct attachment *attachment, *next;

	for (attachment = TAILQ_FIRST(&attachments->list); attachment; attachment = next) {
		next = TAILQ_NEXT(attachment, entries);
		if (attachment->filter.limit && attachment->events >= attachment->filter.limit)
			attachments_end(attachments, attachment, END_LIMIT);
		if (attachment->state == ATTACHMENT_DRAINING &&
				(ring_empty || position >= attachment->drained_at)) {
			finish(attachments, attachment);
			continue;
		}
		if (attachment->state == ATTACHMENT_ACTIVE || attachment->end_reason != END_LIMIT)
			report_losses(attachments, attachment, false);
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

	while ((attachment = attachments_next(attachments, attachment))) {
		if (all_targets_gone(attachment))
			attachments_end(attachments, attachment, END_TARGETS_GONE);
		else
			report_losses(attachments, attachment, true);
	}
}
