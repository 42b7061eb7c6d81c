/* SPDX-License-Identifier: Apache-2.0 */
/* One snapshot on its way to the observers: numbered, with the bytes of each view once made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/api/source.h"
#include "daemon/model/snapshot.h"
#include "daemon/wire/frame.h"

/* What an observer can ask to see. All observers of one view get the same bytes. */
enum view {
	VIEW_BRANCHES, /* named, trimmed, folded */
	VIEW_RAW, /* every row as the CPU recorded it */
	VIEW_SOURCE, /* as VIEW_BRANCHES, and the lines that were executed */
	VIEW_INSTRUCTIONS, /* as VIEW_BRANCHES, and the instructions that were executed */
	VIEW_WITHOUT_ADDRESSES, /* or'ed to any of them: for who may not see those of the kernel */
	N_VIEWS = 2 * VIEW_WITHOUT_ADDRESSES,
};

/* The attachments that one record belongs to: those that share its tracer and want it. */
struct audience {
	struct source *source; /* borrowed */
	bool without_branches;
	size_t n_attachments;
	const uint32_t *attachments; /* borrowed until the next record */
};

struct observation {
	unsigned int n_refs;
	uint64_t sequence;
	struct source *source;
	bool without_branches;
	struct frame *frames[N_VIEWS]; /* NULL until somebody wants the view */
	struct snapshot snapshot;
	size_t n_attachments;
	uint32_t attachments[];
};

/* Copies what it is given. -ENOMEM. */
int observation_new(const struct snapshot *snapshot, const struct audience *audience,
		uint64_t sequence, struct observation **ret);
struct observation *observation_ref(struct observation *observation);
/* NULL is fine. */
struct observation *observation_unref(struct observation *observation);
/* Bytes that the observation holds, its frames included. */
size_t observation_size(const struct observation *observation);
