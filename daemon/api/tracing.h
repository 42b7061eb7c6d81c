/* SPDX-License-Identifier: Apache-2.0 */
/* The tracers in use and the attachments that share each of them. */
#pragma once

#include "daemon/api/attachment.h"
#include "daemon/api/observation.h"

/* One tracer as this room sees it. Freed with its last use. */
struct tracing {
	LIST_ENTRY(tracing) by_number;
	uint32_t number;
	bool without_branches;
	struct tracer *tracer; /* one reference per use */
	struct source *source;
	LIST_HEAD(, use) uses;
};

#define TRACING_BUCKETS 256 /* a power of two; tracers are numbered one by one */

struct tracings {
	struct trace *trace;
	LIST_HEAD(, tracing) buckets[TRACING_BUCKETS];
	uint32_t *audience; /* room for every use of one tracer */
	size_t audience_size;
	/* In the ring: what was lost of the records before it, an earlier lbrd has counted. */
	uint64_t counted_until;
};

void tracings_init(struct tracings *tracings, struct trace *trace);
void tracings_deinit(struct tracings *tracings);

/*
 * Loads, or shares, the tracer of `target` for `use`. Positive: enum target_error with the
 * kernel's words in `detail`. Undone by use_drop().
 */
int use_take(struct tracings *tracings, struct use *use, struct attachment *attachment,
		const struct target *target, char *detail, size_t detail_size);
/*
 * The same for a tracer that runs already. What it lets through remains as it is until
 * tracings_update_filters(), for the other uses are still to come. -ENOMEM.
 */
int use_restore(struct tracings *tracings, struct use *use, struct attachment *attachment,
		const struct target *target);
void tracings_update_filters(struct tracings *tracings);
/* What the tracer has lost so far is nothing to this use. */
void use_begin(struct use *use);
void use_drop(struct use *use);

/*
 * What the tracer lost since the last call for this use. `exact` reads the kernel's own counter
 * of recursion as well: a system call.
 */
void use_collect_losses(struct use *use, bool exact, struct losses *losses);

/* The record in hand is lost to the attachment, unless that was counted already. */
void tracings_count_lost(struct tracings *tracings, struct attachment *attachment,
		enum loss_cause cause);

/* The attachments that want this record; false when there are none, or no such tracer. */
bool tracings_admit(struct tracings *tracings, const struct snapshot *snapshot,
		struct audience *ret);
