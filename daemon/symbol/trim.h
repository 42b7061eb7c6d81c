/* SPDX-License-Identifier: Apache-2.0 */
/* Which branches of a snapshot are the target's story and which the tracer's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/model/target.h"
#include "daemon/symbol/rows.h"

/* One or several branches that together carry control from one place to another. */
struct edge {
	const struct location *from;
	const struct location *to;
	const struct location *through; /* the first thunk on the way, or NULL */
	uint32_t branch; /* index of the first hop in the snapshot */
	uint32_t hops;
	bool dropped;
};

/*
 * Joins hops through thunks, in place: `edges` are n single branches, newest first, and become as
 * many as are returned.
 */
size_t edges_fold(struct edge *edges, size_t n);

/*
 * Marks the edges of the tracer and of the trampoline as dropped, and tells what is odd about the
 * rest: ROWS_FINE, ROWS_POLLUTED or ROWS_NO_TARGET. When nothing of the target is there, nothing is
 * dropped.
 */
enum rows_notice edges_trim(struct edge *edges, size_t n, const struct target *target);
