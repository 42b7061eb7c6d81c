/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a state in memory, and whether bytes are a state that can be believed. */
#pragma once

#include <stddef.h>

#include "daemon/api/state-format.h"

struct state_view {
	struct state_header *header;
	struct state_tracer *tracers;
	struct state_attachment *attachments;
	uint32_t *uses;
	struct state_live *live;
	/* Two of each. */
	struct state_progress *progress[2];
	struct state_counts *counts[2];
	struct state_seen *seen[2];
	struct state_published *journal;
};

/* How many bytes a state with these numbers of things has. */
uint64_t state_size(uint32_t n_tracers, uint32_t n_attachments, uint32_t n_uses);
/* Where the parts stand in `memory`, aligned to 8, whose header says how many there are. */
void state_view_init(struct state_view *view, void *memory);

uint64_t state_header_checksum(const struct state_view *view);
uint64_t state_progress_checksum(const struct state_view *view, unsigned int copy);

/* Makes the other copy of the progress the same as this one, with all that belongs to it. */
void state_progress_copy(const struct state_view *view, unsigned int from);

/* The journal entry of that number: one of the latest STATE_JOURNAL below n_published. */
struct state_published *state_journal_at(const struct state_view *view, uint64_t number);

/*
 * Whether `memory` is a whole state of this version, and everything in it is within its range: NULL
 * and the view, or the reason why not. A function of the bytes alone.
 */
const char *state_check(void *memory, size_t size, struct state_view *ret);
