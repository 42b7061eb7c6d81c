/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer is shared by all attachments of one target. Its kernel-side filter is the union of what
 * they want; what exceeds one attachment's own filter is left out here, record by record.
 */
#include "daemon/api/tracing.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/macro.h"

void tracings_init(struct tracings *tracings, struct trace *trace)
{
	*tracings = (struct tracings){.trace = trace};
	for (size_t i = 0; i < ARRAY_SIZE(tracings->buckets); i++)
		LIST_INIT(&tracings->buckets[i]);
}

void tracings_deinit(struct tracings *tracings)
{
	free(tracings->audience);
}

static struct tracing *tracings_find(struct tracings *tracings, uint32_t number)
{
	struct tracing *tracing;

	LIST_FOREACH(tracing, &tracings->buckets[number % TRACING_BUCKETS], by_number)
		if (tracing->number == number)
			return tracing;
	return NULL;
}

static void tracing_update_filter(struct tracing *tracing)
{
	struct use *first = LIST_FIRST(&tracing->uses), *use;
	struct tracer_filter filter = {};

	if (!first)
		return;
	filter.pid = first->attachment->filter.pid;
	filter.max_per_second = first->attachment->filter.max_per_second;
	LIST_FOREACH(use, &tracing->uses, by_tracing) {
		const struct attachment_filter *wanted = &use->attachment->filter;

		if (wanted->pid != filter.pid)
			filter.pid = 0;
		if (!wanted->max_per_second || !filter.max_per_second)
			filter.max_per_second = 0;
		else
			filter.max_per_second = MAX(filter.max_per_second, wanted->max_per_second);
	}
	/*
	 * The ceiling counts what passes the process filter. With several filters in one tracer
	 * the ceiling of one could be eaten up by the events of another: each then has only its
	 * own, in admits().
	 */
	if (LIST_NEXT(first, by_tracing))
		filter.max_per_second = 0;
	tracer_set_filter(tracing->tracer, &filter);
}

static int tracings_reserve_audience(struct tracings *tracings, const struct tracing *tracing)
{
	size_t n_uses = 1;
	const struct use *use;
	uint32_t *audience;

	LIST_FOREACH(use, &tracing->uses, by_tracing)
		n_uses++;
	if (n_uses <= tracings->audience_size)
		return 0;
	audience = reallocarray(tracings->audience, 2 * n_uses, sizeof(*audience));
	if (!audience)
		return -ENOMEM;
	tracings->audience = audience;
	tracings->audience_size = 2 * n_uses;
	return 0;
}

static int tracing_new(struct tracings *tracings, struct tracer *tracer, bool without_branches,
		struct tracing **ret)
{
	struct tracing *tracing = calloc(1, sizeof(*tracing));
	int r;

	if (!tracing)
		return -ENOMEM;
	r = source_new(tracer_target(tracer), &tracing->source);
	if (r < 0) {
		free(tracing);
		return r;
	}
	tracing->tracer = tracer;
	tracing->number = tracer_number(tracer);
	tracing->without_branches = without_branches;
	LIST_INIT(&tracing->uses);
	LIST_INSERT_HEAD(&tracings->buckets[tracing->number % TRACING_BUCKETS], tracing, by_number);
	*ret = tracing;
	return 0;
}

static void tracing_free_if_unused(struct tracing *tracing)
{
	if (!LIST_EMPTY(&tracing->uses))
		return;
	LIST_REMOVE(tracing, by_number);
	source_unref(tracing->source);
	free(tracing);
}

static int take(struct tracings *tracings, struct use *use, struct attachment *attachment,
		const struct target *target, char *detail, size_t detail_size)
{
	struct tracing *tracing;
	struct tracer *tracer;
	int r;

	r = tracer_acquire(tracings->trace, target, attachment->without_branches, detail,
			detail_size, &tracer);
	if (r != 0)
		return r;
	tracing = tracings_find(tracings, tracer_number(tracer));
	if (!tracing)
		r = tracing_new(tracings, tracer, attachment->without_branches, &tracing);
	if (r == 0) {
		r = tracings_reserve_audience(tracings, tracing);
		if (r < 0)
			tracing_free_if_unused(tracing);
	}
	if (r < 0) {
		tracer_release(tracer);
		return r;
	}
	*use = (struct use){.attachment = attachment, .tracing = tracing};
	LIST_INSERT_HEAD(&tracing->uses, use, by_tracing);
	return 0;
}

int use_take(struct tracings *tracings, struct use *use, struct attachment *attachment,
		const struct target *target, char *detail, size_t detail_size)
{
	int r = take(tracings, use, attachment, target, detail, detail_size);

	if (r == 0)
		tracing_update_filter(use->tracing);
	return r;
}

int use_restore(struct tracings *tracings, struct use *use, struct attachment *attachment,
		const struct target *target)
{
	char detail[256];
	int r = take(tracings, use, attachment, target, detail, sizeof(detail));

	return r > 0 ? -EBADMSG : r;
}

void tracings_update_filters(struct tracings *tracings)
{
	struct tracing *tracing;

	for (size_t i = 0; i < ARRAY_SIZE(tracings->buckets); i++)
		LIST_FOREACH(tracing, &tracings->buckets[i], by_number)
			tracing_update_filter(tracing);
}

void use_begin(struct use *use)
{
	tracer_losses(use->tracing->tracer, true, &use->seen);
}

void use_drop(struct use *use)
{
	struct tracing *tracing = use->tracing;

	LIST_REMOVE(use, by_tracing);
	tracing_update_filter(tracing);
	tracer_release(tracing->tracer);
	tracing_free_if_unused(tracing);
}

void use_collect_losses(struct use *use, bool exact, struct losses *losses)
{
	struct tracer_losses now;

	tracer_losses(use->tracing->tracer, exact, &now);
	if (!exact)
		now.recursion = use->seen.recursion;
	losses->by_cause[LOSS_RING_FULL] += now.ring_full - use->seen.ring_full;
	losses->by_cause[LOSS_SLOT_BUSY] += now.slot_busy - use->seen.slot_busy;
	losses->by_cause[LOSS_RECURSION] += now.recursion - use->seen.recursion;
	losses->by_cause[LOSS_RATE] += now.rate - use->seen.rate;
	use->seen = now;
}

void tracings_count_lost(struct tracings *tracings, struct attachment *attachment,
		enum loss_cause cause)
{
	if (trace_position(tracings->trace) >= tracings->counted_until)
		attachment->unreported.by_cause[cause]++;
}

/*
 * Whether a record of one of its tracers is an event of this attachment; counts it as published
 * when it is, or as lost when only the rate ceiling keeps it out.
 */
static bool admits(struct tracings *tracings, struct attachment *attachment,
		const struct snapshot *snapshot)
{
	const struct attachment_filter *filter = &attachment->filter;

	if (snapshot->timestamp < attachment->active_from ||
			snapshot->timestamp > attachment->active_until)
		return false;
	if (filter->pid && snapshot->pid != filter->pid)
		return false;
	if (filter->limit && attachment->events >= filter->limit)
		return false;
	if (filter->max_per_second) {
		/* Records of several CPUs are not strictly in order of time. */
		if (snapshot->timestamp >= attachment->second_start + NS_PER_SECOND) {
			attachment->second_start = snapshot->timestamp;
			attachment->second_events = 0;
		}
		if (attachment->second_events >= filter->max_per_second) {
			tracings_count_lost(tracings, attachment, LOSS_RATE);
			return false;
		}
		attachment->second_events++;
	}
	attachment->events++;
	return true;
}

bool tracings_admit(struct tracings *tracings, const struct snapshot *snapshot,
		struct audience *ret)
{
	struct tracing *tracing = tracings_find(tracings, snapshot->tracer);
	struct use *use;

	if (!tracing)
		return false;
	*ret = (struct audience){
		.source = tracing->source,
		.without_branches = tracing->without_branches,
		.attachments = tracings->audience,
	};
	LIST_FOREACH(use, &tracing->uses, by_tracing)
		if (admits(tracings, use->attachment, snapshot))
			tracings->audience[ret->n_attachments++] = use->attachment->id;
	return ret->n_attachments > 0;
}
