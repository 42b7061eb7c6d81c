/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load, attach, and only then begin. Rule: until all targets are active the attachment is in no
 * list and no record is its own, so whatever goes wrong before leaves no trace of it.
 */
#include "daemon/api/attaching.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/api/attachments-internal.h"
#include "daemon/api/state.h"

struct attaching {
	struct attachments *attachments;
	struct attach_request request;
	struct attachment *attachment; /* NULL: it came to be */
	size_t n_loaded; /* targets of the list that were tried */
	size_t n_active; /* of the uses */
};

void attaching_free(struct attaching *attaching)
{
	if (!attaching)
		return;
	if (attaching->attachment)
		attachment_abandon(attaching->attachments, attaching->attachment);
	free(attaching);
}

DEFINE_CLEANUP(struct attaching *, attaching_free)

/* ---- the beginning ---- */

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
	attachment->active_from = UINT64_MAX;
	attachment->active_until = UINT64_MAX;
	return attachment;
}

int attaching_new(struct attachments *attachments, const struct attach_request *request,
		struct attaching **ret, int *ret_detail)
{
	_cleanup_(attaching_free_p) struct attaching *attaching = calloc(1, sizeof(*attaching));
	int r;

	if (!attaching)
		return -ENOMEM;
	*attaching = (struct attaching){.attachments = attachments, .request = *request};
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
	attaching->attachment = attachment_new(attachments, request);
	if (!attaching->attachment) {
		if (!request->without_branches)
			lbr_release(attachments->config.lbr);
		return -ENOMEM;
	}
	r = attachment_take_charges(attaching->attachment, request, ret_detail);
	if (r != 0)
		return r;
	*ret = TAKE_PTR(attaching);
	return 0;
}

/* ---- target by target ---- */

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

static int load(struct attaching *attaching, struct target *target)
{
	struct attachments *attachments = attaching->attachments;
	struct attachment *attachment = attaching->attachment;
	struct use *use = &attachment->uses[attachment->n_uses];
	char detail[256] = "";
	int r;

	locate(attachments->config.symbols, target);
	if (!attachment->without_branches && is_hidden(attachments->config.symbols, target))
		r = TARGET_E_ADDRESSES_HIDDEN;
	else
		r = use_take(&attachments->tracings, use, attachment, target, detail,
				sizeof(detail));
	if (r > 0)
		return target_list_fail(attaching->request.list, target, r, detail, NULL);
	if (r == 0)
		attachment->n_uses++;
	return r;
}

/* Uses are linked into lists: the last one moves to its place by being taken anew. */
static void drop(struct attachment *attachment, struct use *use)
{
	struct use *last;

	use_drop(use);
	last = &attachment->uses[--attachment->n_uses];
	if (use == last)
		return;
	*use = *last;
	LIST_REMOVE(last, by_tracing);
	LIST_INSERT_HEAD(&use->tracing->uses, use, by_tracing);
}

static int activate(struct attaching *attaching, struct use *use)
{
	const struct attachments_config *config = &attaching->attachments->config;
	struct tracer *tracer = use->tracing->tracer;
	char detail[256] = "";
	int r;

	/* Before the first event: no later lbrd gives its numbers to others, */
	if (attaching->n_active == 0)
		state_count(config->state, attaching->attachments);
	/* and its own rows are known as the tracer's. */
	symbols_add_tracer(config->symbols, tracer_program_id(tracer));
	r = tracer_activate(tracer, detail, sizeof(detail));
	if (r == 0)
		attaching->n_active++;
	if (r <= 0)
		return r;
	r = target_list_fail(attaching->request.list, tracer_target(tracer), r, detail, NULL);
	if (r == 0 && attaching->request.partial)
		drop(attaching->attachment, use);
	return r;
}

/* Whether to go on although some of the request's targets failed. */
static int judge(const struct attaching *attaching)
{
	const struct attach_request *request = &attaching->request;

	if (request->list->n_failures && (!request->partial || !attaching->attachment->n_uses))
		return ATTACH_E_TARGETS;
	return 0;
}

/* From here on events are its own. */
static struct attachment *begin(struct attaching *attaching)
{
	struct attachment *attachment = TAKE_PTR(attaching->attachment);
	struct attachments *attachments = attaching->attachments;

	/* The trampolines that activation made are known before their first record is read. */
	symbols_refresh(attachments->config.symbols);
	charge_resize(&attachment->targets_charge, attachment->n_uses);
	attachment_capture_code(attachments, attachment);
	for (size_t i = 0; i < attachment->n_uses; i++)
		use_begin(&attachment->uses[i]);
	attachment->since = clock_ns(CLOCK_REALTIME);
	attachment->active_from = clock_ns(CLOCK_MONOTONIC);
	attachment_add(attachments, attachment);
	if (!attachment->peer)
		attachment_keep(attachments, attachment);
	return attachment;
}

int attaching_step(struct attaching *attaching, struct attachment **ret, int *ret_detail)
{
	struct target_list *list = attaching->request.list;
	struct attachment *attachment = attaching->attachment;
	int r = 0;

	*ret_detail = 0;
	if (attaching->n_loaded < list->n_targets)
		r = load(attaching, &list->targets[attaching->n_loaded++]);
	else if (attaching->n_active < attachment->n_uses)
		r = activate(attaching, &attachment->uses[attaching->n_active]);
	/* What is refused is told of all targets at once. */
	if (r == 0 && attaching->n_loaded == list->n_targets)
		r = judge(attaching);
	if (r != 0)
		return r;
	if (attaching->n_loaded < list->n_targets || attaching->n_active < attachment->n_uses)
		return -EINPROGRESS;
	*ret = begin(attaching);
	return 0;
}
