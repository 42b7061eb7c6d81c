/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attachments that outlive the daemon. Rule: what the state says is kept, the keeper has. So
 * tracers are kept before the state says so, and let go of after it has ceased to.
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/api/attachments-internal.h"
#include "daemon/api/state-table.h"
#include "daemon/api/state.h"

void attachment_capture_code(struct attachments *attachments, const struct attachment *attachment)
{
	uint32_t last = 0;

	for (size_t i = 0; i < attachment->n_uses; i++) {
		const struct target *target = &attachment->uses[i].tracing->source->target;

		if (target->kind == TARGET_PROGRAM && target->program_id != last)
			symbols_capture(attachments->config.symbols, target->program_id);
		last = target->program_id;
	}
}

/* ---- keeping ---- */

static int keep_tracers(struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->n_uses; i++) {
		int r = tracer_keep(attachment->uses[i].tracing->tracer);

		if (r < 0) {
			while (i > 0)
				tracer_unkeep(attachment->uses[--i].tracing->tracer);
			return r;
		}
	}
	return 0;
}

static void let_go(struct attachments *attachments, struct attachment *attachment)
{
	const struct keeper *keeper = attachments->config.keeper;

	for (size_t i = 0; i < attachment->n_uses; i++)
		tracer_unkeep(attachment->uses[i].tracing->tracer);
	if (!attachment->without_branches)
		lbr_unkeep(attachments->config.lbr);
	keeper->settle(keeper->userdata);
}

/* The tracers and events, but not yet by the state. */
static int keep_parts(struct attachments *attachments, struct attachment *attachment)
{
	int r = keep_tracers(attachment);

	if (r < 0)
		return r;
	if (!attachment->without_branches)
		lbr_keep(attachments->config.lbr);
	attachment->kept = true;
	return 0;
}

void attachment_keep(struct attachments *attachments, struct attachment *attachment)
{
	const struct attachments_config *config = &attachments->config;
	int r;

	if (!config->keeper)
		return;
	r = keep_parts(attachments, attachment);
	if (r == 0) {
		r = state_save(config->state, attachments);
		if (r < 0) {
			attachment->kept = false;
			let_go(attachments, attachment);
		}
	}
	if (r < 0)
		config->not_kept(attachment->id, r, config->userdata);
}

void attachment_unkeep(struct attachments *attachments, struct attachment *attachment)
{
	const struct attachments_config *config = &attachments->config;
	int r;

	if (!attachment->kept)
		return;
	attachment->kept = false;
	r = state_save(config->state, attachments);
	/* A later lbrd finds its tracers missing, and drops the whole state. */
	if (r < 0)
		config->not_kept(attachment->id, r, config->userdata);
	let_go(attachments, attachment);
}

/* ---- going on ---- */

static int restore_use(struct attachments *attachments, struct attachment *attachment,
		const struct state_tracer *tracer, const struct state_seen *seen)
{
	struct use *use = &attachment->uses[attachment->n_uses];
	struct target target;
	int r;

	state_target_read(&tracer->target, &target);
	r = use_restore(&attachments->tracings, use, attachment, &target);
	if (r < 0)
		return r;
	attachment->n_uses++;
	use->seen = (struct tracer_losses){
		.ring_full = seen->ring_full,
		.slot_busy = seen->slot_busy,
		.recursion = seen->recursion,
		.rate = seen->rate,
	};
	symbols_add_tracer(attachments->config.symbols, tracer->program_id);
	return 0;
}

static struct attachment *restore_fields(const struct state_attachment *saved,
		const struct state_counts *counts)
{
	struct attachment *attachment;

	attachment = calloc(1, sizeof(*attachment) + saved->n_uses * sizeof(attachment->uses[0]));
	if (!attachment)
		return NULL;
	*attachment = (struct attachment){
		.id = saved->id,
		.owner = {saved->owner_uid, saved->owner_gid, saved->owner_pid},
		.filter = {
			.pid = saved->filter_pid,
			.limit = saved->filter_limit,
			.max_per_second = saved->filter_max_per_second,
		},
		.without_branches = saved->without_branches,
		.since = saved->since,
		.active_from = saved->active_from,
		.active_until = UINT64_MAX,
		.events = counts->events,
		.losses = counts->losses,
		.unreported = counts->unreported,
		.second_start = counts->second_start,
		.second_events = counts->second_events,
	};
	return attachment;
}

static const char *restore_one(struct attachments *attachments, const struct state_view *view,
		size_t index, size_t first_use)
{
	const struct state_attachment *saved = &view->attachments[index];
	unsigned int copy = view->live->current;
	struct attachment *attachment;

	if (!saved->without_branches && lbr_acquire(attachments->config.lbr) != 0)
		return "branch records cannot be had any more";
	attachment = restore_fields(saved, &view->counts[copy][index]);
	if (!attachment) {
		if (!saved->without_branches)
			lbr_release(attachments->config.lbr);
		return "there is not enough memory";
	}
	attachment_add(attachments, attachment);
	for (size_t i = first_use; i < first_use + saved->n_uses; i++)
		if (restore_use(attachments, attachment, &view->tracers[view->uses[i]],
				&view->seen[copy][i]) < 0)
			return "there is not enough memory";
	attachment_capture_code(attachments, attachment);
	return keep_parts(attachments, attachment) < 0 ? "it could not be kept any longer" : NULL;
}

static void forget_all(struct attachments *attachments)
{
	struct attachment *attachment, *next;

	for (attachment = TAILQ_FIRST(&attachments->list); attachment; attachment = next) {
		next = TAILQ_NEXT(attachment, entries);
		if (attachment->kept)
			let_go(attachments, attachment);
		attachment_remove(attachments, attachment);
	}
}

const char *attachments_restore(struct attachments *attachments, const struct state_view *view)
{
	const struct state_progress *progress = view->progress[view->live->current];
	const char *reason = NULL;
	size_t use = 0;

	attachments->last_id = view->live->last_attachment;
	attachments->losses = progress->losses;
	/* Without a tracer there was no ring to take over, and positions begin anew. */
	attachments->tracings.counted_until = view->header->n_tracers ? progress->counted_until : 0;
	for (size_t i = 0; i < view->header->n_attachments && !reason; i++) {
		reason = restore_one(attachments, view, i, use);
		use += view->attachments[i].n_uses;
	}
	if (reason)
		forget_all(attachments);
	tracings_update_filters(&attachments->tracings);
	trace_forget_unused(attachments->config.trace);
	symbols_refresh(attachments->config.symbols);
	lbr_follow_cpus(attachments->config.lbr);
	return reason;
}
