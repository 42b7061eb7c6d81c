/* SPDX-License-Identifier: Apache-2.0 */
/* What of an attachment is worth writing down: all that the next lbrd cannot ask the kernel for. */
#include "daemon/api/state-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "daemon/api/tracing.h"

struct attachment *state_next_kept(struct attachments *attachments, struct attachment *previous)
{
	do
		previous = attachments_next(attachments, previous);
	while (previous && !previous->kept);
	return previous;
}

static int by_number(const void *a, const void *b)
{
	uint32_t one = tracer_number(*(struct tracer *const *)a);
	uint32_t other = tracer_number(*(struct tracer *const *)b);

	return (one > other) - (one < other);
}

static uint32_t remove_doubles(struct tracer **tracers, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!kept || tracers[kept - 1] != tracers[i])
			tracers[kept++] = tracers[i];
	return kept;
}

int state_table_collect(struct attachments *attachments, struct state_table *ret)
{
	struct state_header *header = &ret->header;
	struct attachment *attachment = NULL;
	uint32_t n = 0;

	*ret = (struct state_table){
		.header = {
			.magic = STATE_MAGIC,
			.version = STATE_VERSION,
			.tracer_abi = LBRD_TRACER_ABI,
		},
		.attachments = attachments,
	};
	while ((attachment = state_next_kept(attachments, attachment))) {
		header->n_attachments++;
		header->n_uses += attachment->n_uses;
	}
	ret->tracers = calloc(header->n_uses ? header->n_uses : 1, sizeof(*ret->tracers));
	if (!ret->tracers)
		return -ENOMEM;
	while ((attachment = state_next_kept(attachments, attachment)))
		for (size_t i = 0; i < attachment->n_uses; i++)
			ret->tracers[n++] = attachment->uses[i].tracing->tracer;
	qsort(ret->tracers, n, sizeof(*ret->tracers), by_number);
	header->n_tracers = remove_doubles(ret->tracers, n);
	header->size = state_size(header->n_tracers, header->n_attachments, header->n_uses);
	return 0;
}

void state_table_deinit(struct state_table *table)
{
	free(table->tracers);
}

static void write_tracer(const struct tracer *tracer, bool without_branches,
		struct state_tracer *ret)
{
	const struct target *target = tracer_target(tracer);

	*ret = (struct state_tracer){
		.number = tracer_number(tracer),
		.program_id = tracer_program_id(tracer),
		.without_branches = without_branches,
		.target = {
			.kind = target->kind,
			.mode = target->mode,
			.program_id = target->program_id,
			.btf_id = target->btf_id,
			.start = target->start,
			.end = target->end,
			.return_kind = target->return_kind,
			.return_bytes = target->return_bytes,
		},
	};
	memcpy(ret->target.program, target->program, sizeof(target->program));
	memcpy(ret->target.function, target->function, sizeof(target->function));
	memcpy(ret->target.module, target->module, sizeof(target->module));
	memcpy(ret->target.tag, target->tag, sizeof(target->tag));
}

void state_target_read(const struct state_target *target, struct target *ret)
{
	*ret = (struct target){
		.kind = target->kind,
		.mode = target->mode,
		.program_id = target->program_id,
		.btf_id = target->btf_id,
		.start = target->start,
		.end = target->end,
		.return_kind = target->return_kind,
		.return_bytes = target->return_bytes,
	};
	memcpy(ret->program, target->program, sizeof(ret->program));
	memcpy(ret->function, target->function, sizeof(ret->function));
	memcpy(ret->module, target->module, sizeof(ret->module));
	memcpy(ret->tag, target->tag, sizeof(ret->tag));
}

static void write_attachment(const struct attachment *attachment, struct state_attachment *ret)
{
	*ret = (struct state_attachment){
		.id = attachment->id,
		.n_uses = attachment->n_uses,
		.owner_uid = attachment->owner.uid,
		.owner_gid = attachment->owner.gid,
		.owner_pid = attachment->owner.pid,
		.without_branches = attachment->without_branches,
		.filter_pid = attachment->filter.pid,
		.filter_max_per_second = attachment->filter.max_per_second,
		.filter_limit = attachment->filter.limit,
		.since = attachment->since,
		.active_from = attachment->active_from,
	};
}

static uint32_t index_of(const struct state_table *table, struct tracer *tracer)
{
	struct tracer **found = bsearch(&tracer, table->tracers, table->header.n_tracers,
			sizeof(*found), by_number);

	return found - table->tracers;
}

void state_table_write(const struct state_table *table, const struct state_view *view)
{
	struct state_attachment *written = view->attachments;
	struct attachment *attachment = NULL;
	uint32_t *use = view->uses;

	while ((attachment = state_next_kept(table->attachments, attachment))) {
		write_attachment(attachment, written++);
		for (size_t i = 0; i < attachment->n_uses; i++) {
			struct tracer *tracer = attachment->uses[i].tracing->tracer;

			*use = index_of(table, tracer);
			write_tracer(tracer, attachment->without_branches, &view->tracers[*use++]);
		}
	}
}
