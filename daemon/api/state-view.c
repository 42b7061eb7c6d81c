/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state was written by a process that crashed, perhaps because its memory was damaged. Rule: no
 * number of it is used before state_check() has found it in range, and the whole of it consistent.
 */
#include "daemon/api/state-view.h"

#include <string.h>

#include "bpf/record.h"
#include "common/checksum.h"
#include "common/macro.h"
#include "daemon/api/limits.h"
#include "daemon/trace/lbr.h"

/* Should one of these fail, it is another layout: STATE_VERSION must be another number, too. */
_Static_assert(sizeof(struct state_header) == 64, "the header of version 2");
_Static_assert(sizeof(struct state_tracer) == 400, "the tracers of version 2");
_Static_assert(sizeof(struct state_attachment) == 56, "the attachments of version 2");
_Static_assert(sizeof(struct state_live) == 32, "the single numbers of version 2");
_Static_assert(sizeof(struct state_progress) == 96, "the progress of version 2");
_Static_assert(sizeof(struct state_counts) == 120, "the counts of version 2");
_Static_assert(sizeof(struct state_seen) == 32, "the losses of version 2");
_Static_assert(sizeof(struct state_published) == 24, "the journal of version 2");

/* So that no size can overflow. */
#define TABLE_MAX (1u << 22)

static uint64_t uses_bytes(uint32_t n_uses)
{
	return ((uint64_t)n_uses * sizeof(uint32_t) + 7) & ~7ull;
}

static uint64_t progress_bytes(uint32_t n_attachments, uint32_t n_uses)
{
	return sizeof(struct state_progress) + n_attachments * sizeof(struct state_counts) +
			n_uses * sizeof(struct state_seen);
}

void state_progress_copy(const struct state_view *view, unsigned int from)
{
	memcpy(view->progress[!from], view->progress[from], progress_bytes(
			view->header->n_attachments, view->header->n_uses));
}

static uint64_t tables_bytes(uint32_t n_tracers, uint32_t n_attachments, uint32_t n_uses)
{
	return sizeof(struct state_header) + n_tracers * sizeof(struct state_tracer) +
			n_attachments * sizeof(struct state_attachment) + uses_bytes(n_uses);
}

uint64_t state_size(uint32_t n_tracers, uint32_t n_attachments, uint32_t n_uses)
{
	return tables_bytes(n_tracers, n_attachments, n_uses) + sizeof(struct state_live) +
			2 * progress_bytes(n_attachments, n_uses) +
			STATE_JOURNAL * sizeof(struct state_published);
}

void state_view_init(struct state_view *view, void *memory)
{
	const struct state_header *header = memory;
	uint8_t *at = memory;

	view->header = memory;
	at += sizeof(struct state_header);
	view->tracers = (void *)at;
	at += header->n_tracers * sizeof(struct state_tracer);
	view->attachments = (void *)at;
	at += header->n_attachments * sizeof(struct state_attachment);
	view->uses = (void *)at;
	at += uses_bytes(header->n_uses);
	view->live = (void *)at;
	at += sizeof(struct state_live);
	for (int copy = 0; copy < 2; copy++) {
		view->progress[copy] = (void *)at;
		view->counts[copy] = (void *)(view->progress[copy] + 1);
		view->seen[copy] = (void *)(view->counts[copy] + header->n_attachments);
		at += progress_bytes(header->n_attachments, header->n_uses);
	}
	view->journal = (void *)at;
}

uint64_t state_header_checksum(const struct state_view *view)
{
	const struct state_header *header = view->header;
	struct state_header copy = *header;

	copy.checksum = 0;
	return checksum(&copy, sizeof(copy)) ^
			checksum(header + 1, tables_bytes(header->n_tracers, header->n_attachments,
			header->n_uses) - sizeof(*header));
}

uint64_t state_progress_checksum(const struct state_view *view, unsigned int copy)
{
	const struct state_progress *progress = view->progress[copy];
	struct state_progress own = *progress;

	own.checksum = 0;
	return checksum(&own, sizeof(own)) ^
			checksum(progress + 1, progress_bytes(view->header->n_attachments,
			view->header->n_uses) - sizeof(*progress));
}

struct state_published *state_journal_at(const struct state_view *view, uint64_t number)
{
	return &view->journal[number % STATE_JOURNAL];
}

/* ---- the check ---- */

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool target_is_sane(const struct state_target *target)
{
	return target->kind <= TARGET_FUNCTION && target->mode <= TRACE_ENTRY &&
			target->return_kind <= RETURN_POINTER && target->return_bytes <= 8 &&
			target->start <= target->end && (target->kind == TARGET_FUNCTION ||
			target->program_id) && ends(target->program, sizeof(target->program)) &&
			ends(target->function, sizeof(target->function)) &&
			ends(target->module, sizeof(target->module)) &&
			/* The tag of struct target is as long as it needs. */
			ends(target->tag, TARGET_TAG_LENGTH + 1);
}

/* Ascending numbers are different ones. */
static bool tracers_are_sane(const struct state_view *view)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < view->header->n_tracers; i++) {
		const struct state_tracer *tracer = &view->tracers[i];

		if (tracer->number <= last || tracer->number > view->live->last_tracer ||
				!tracer->program_id || tracer->without_branches > 1 ||
				!target_is_sane(&tracer->target))
			return false;
		last = tracer->number;
	}
	return true;
}

static bool uses_are_sane(const struct state_view *view, const struct state_attachment *attachment,
		const uint32_t *uses)
{
	for (uint32_t i = 0; i < attachment->n_uses; i++) {
		if (uses[i] >= view->header->n_tracers || view->tracers[uses[i]].without_branches !=
				attachment->without_branches)
			return false;
		for (uint32_t other = 0; other < i; other++)
			if (uses[other] == uses[i])
				return false;
	}
	return true;
}

static bool attachments_are_sane(const struct state_view *view)
{
	uint32_t last = 0, n_uses = 0;

	for (uint32_t i = 0; i < view->header->n_attachments; i++) {
		const struct state_attachment *attachment = &view->attachments[i];

		if (attachment->id <= last || attachment->id > view->live->last_attachment ||
				attachment->without_branches > 1 || !attachment->n_uses ||
				attachment->n_uses > limit_value(LIMIT_TARGETS) ||
				attachment->n_uses > view->header->n_uses - n_uses ||
				!uses_are_sane(view, attachment, view->uses + n_uses))
			return false;
		last = attachment->id;
		n_uses += attachment->n_uses;
	}
	return n_uses == view->header->n_uses;
}

/* Entries that are not settled are numbers of events that will come again. */
static bool journal_is_sane(const struct state_view *view, const struct state_progress *progress)
{
	uint64_t n = view->live->n_published, sequence = 0, position = progress->position;
	uint64_t number = n > STATE_JOURNAL ? n - STATE_JOURNAL : 0;

	if (progress->n_published > n || progress->n_published < number)
		return false;
	for (; number < n; number++) {
		const struct state_published *published = state_journal_at(view, number);
		bool settled = number < progress->n_published;

		if (published->sequence < sequence || !published->sequence ||
				settled != (published->sequence <= progress->sequence))
			return false;
		if (!settled && published->position < position)
			return false;
		sequence = published->sequence;
		position = settled ? position : published->position;
	}
	return true;
}

static bool progress_is_sane(const struct state_view *view)
{
	const struct state_progress *progress;

	if (view->live->current > 1)
		return false;
	progress = view->progress[view->live->current];
	return progress->checksum == state_progress_checksum(view, view->live->current) &&
			progress->sequence <= INT64_MAX && progress->position % 8 == 0 &&
			progress->counted_until >= progress->position &&
			progress->lbr_mode <= LBR_SAMPLING && progress->lbr_types <= 1 &&
			journal_is_sane(view, progress);
}

static bool tables_fit(const struct state_header *header, size_t size)
{
	return header->n_tracers <= TABLE_MAX && header->n_uses <= TABLE_MAX &&
			header->n_attachments <= limit_value(LIMIT_ATTACHMENTS) &&
			header->size == size && size == state_size(header->n_tracers,
			header->n_attachments, header->n_uses);
}

const char *state_check(void *memory, size_t size, struct state_view *ret)
{
	const struct state_header *header = memory;

	if (size < sizeof(*header) ||
			memcmp(header->magic, STATE_MAGIC, sizeof(header->magic)) != 0)
		return "it is not the state of an lbrd";
	if (header->version != STATE_VERSION)
		return "it is of another version of lbrd";
	if (header->tracer_abi != LBRD_TRACER_ABI)
		return "its tracers are of another version of lbrd";
	if (!tables_fit(header, size))
		return "it is truncated, or too large";
	state_view_init(ret, memory);
	if (header->checksum != state_header_checksum(ret))
		return "it is damaged: its checksum is wrong";
	if (!tracers_are_sane(ret) || !attachments_are_sane(ret) || !progress_is_sane(ret))
		return "it contradicts itself";
	if (ret->live->attempts >= STATE_ATTEMPTS)
		return "lbrd ended again and again while taking it over";
	return NULL;
}
