/* SPDX-License-Identifier: Apache-2.0 */
/* A state that is as it should be, for tests to spoil. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "daemon/api/state-view.h"

/* Two tracers; attachment 3 uses both, 5 the second. Events 1 to 4 are settled, 5 and 6 are not. */
static inline void *sample_state(struct state_view *ret, size_t *ret_size)
{
	const struct state_header header = {
		.magic = STATE_MAGIC,
		.version = STATE_VERSION,
		.tracer_abi = LBRD_TRACER_ABI,
		.size = state_size(2, 2, 3),
		.lineage = 0x1234,
		.generation = 7,
		.n_tracers = 2,
		.n_attachments = 2,
		.n_uses = 3,
	};
	void *memory = calloc(1, header.size);

	memcpy(memory, &header, sizeof(header));
	state_view_init(ret, memory);
	for (uint32_t i = 0; i < 2; i++)
		ret->tracers[i] = (struct state_tracer){
			.number = 4 + i,
			.program_id = 100 + i,
			.target = {
				.kind = i ? TARGET_FUNCTION : TARGET_PROGRAM,
				.program_id = i ? 0 : 50,
				.btf_id = 12,
				.start = 0xffffffffc0001000,
				.end = 0xffffffffc0001100,
				.return_kind = RETURN_SIGNED,
				.return_bytes = 4,
				.function = "traced",
			},
		};
	ret->attachments[0] = (struct state_attachment){.id = 3, .n_uses = 2};
	ret->attachments[1] = (struct state_attachment){.id = 5, .n_uses = 1};
	memcpy(ret->uses, (const uint32_t[]){0, 1, 1}, 3 * sizeof(uint32_t));
	for (uint64_t i = 0; i < 6; i++)
		*state_journal_at(ret, i) = (struct state_published){
			.sequence = i + 1, .position = 800 * i, .attachment = 3};
	*ret->live = (struct state_live){
		.current = 1,
		.last_tracer = 9,
		.last_attachment = 6,
		.n_published = 6,
	};
	*ret->progress[1] = (struct state_progress){
		.sequence = 4,
		.position = 3200,
		.n_published = 4,
		.counted_until = 4000,
		.lbr_mode = 1,
	};
	ret->header->checksum = state_header_checksum(ret);
	ret->progress[1]->checksum = state_progress_checksum(ret, 1);
	*ret_size = header.size;
	return memory;
}

/* Reads all that the next lbrd would, so that a sanitizer sees what lies outside. */
static inline uint64_t walk_state(const struct state_view *view)
{
	unsigned int copy = view->live->current;
	uint64_t sum = view->progress[copy]->sequence, use = 0;

	for (uint32_t i = 0; i < view->header->n_attachments; i++) {
		sum += view->counts[copy][i].events;
		for (uint32_t j = 0; j < view->attachments[i].n_uses; j++, use++)
			sum += view->seen[copy][use].rate +
					strlen(view->tracers[view->uses[use]].target.function) +
					strlen(view->tracers[view->uses[use]].target.tag);
	}
	for (uint64_t n = view->progress[copy]->n_published; n < view->live->n_published; n++)
		sum += state_journal_at(view, n)->sequence;
	return sum;
}
