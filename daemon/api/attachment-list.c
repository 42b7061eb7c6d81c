/* SPDX-License-Identifier: Apache-2.0 */
/* Looking through the attachments. What is ending already is found by nobody. */
#include "common/macro.h"
#include "daemon/api/attachments-internal.h"

struct attachment *attachments_find(struct attachments *attachments, uint32_t id)
{
	struct attachment *attachment;

	TAILQ_FOREACH(attachment, &attachments->list, entries)
		if (attachment->id == id && attachment->state == ATTACHMENT_ACTIVE)
			return attachment;
	return NULL;
}

struct attachment *attachments_next(struct attachments *attachments, struct attachment *previous)
{
	struct attachment *attachment;

	attachment = previous ? TAILQ_NEXT(previous, entries) : TAILQ_FIRST(&attachments->list);
	while (attachment && attachment->state != ATTACHMENT_ACTIVE)
		attachment = TAILQ_NEXT(attachment, entries);
	return attachment;
}

size_t attachments_count(const struct attachments *attachments)
{
	return attachments->count;
}

uint32_t attachments_last_id(const struct attachments *attachments)
{
	return attachments->last_id;
}

static bool attachment_traces(const struct attachment *attachment, uint32_t program_id)
{
	for (size_t i = 0; i < attachment->n_uses; i++) {
		const struct target *target = &attachment->uses[i].tracing->source->target;

		if (target->kind == TARGET_PROGRAM && target->program_id == program_id)
			return true;
	}
	return false;
}

size_t attachments_of_program(struct attachments *attachments, uint32_t program_id, uint32_t *ids,
		size_t max)
{
	struct attachment *attachment = NULL;
	size_t n = 0;

	while (n < max && (attachment = attachments_next(attachments, attachment)))
		if (attachment_traces(attachment, program_id))
			ids[n++] = attachment->id;
	return n;
}

uint64_t attachments_counted_until(const struct attachments *attachments)
{
	return MAX(attachments->tracings.counted_until,
			trace_position(attachments->config.trace));
}

void attachments_losses(struct attachments *attachments, const uint32_t *ids, size_t n,
		struct losses *ret)
{
	*ret = n ? (struct losses){} : attachments->losses;
	for (size_t i = 0; i < n; i++) {
		const struct attachment *attachment = attachments_find(attachments, ids[i]);

		if (attachment)
			losses_add(ret, &attachment->losses);
	}
}
