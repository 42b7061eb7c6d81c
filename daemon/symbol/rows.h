/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot's branches as a reader wants them: named, without the tracer's own, thunks folded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/model/snapshot.h"
#include "daemon/model/target.h"
#include "daemon/symbol/symbols.h"

struct row {
	const struct location *from;
	const struct location *to;
	const struct location *through; /* the thunk folded into this edge, or NULL */
	/*
	 * The edge's own flags. Of a folded one: mispredicted if a hop was, the cycles of all hops,
	 * and the type that the compiler meant: a return, or an indirect call or jump.
	 */
	struct branch branch;
	uint8_t first; /* its index in the snapshot; a folded one's hops end at first - hops + 1 */
	uint8_t hops;
};

enum rows_notice {
	ROWS_FINE,
	ROWS_NO_TARGET, /* no branch touches the target: everything is shown */
	ROWS_POLLUTED, /* an interrupt replaced rows between the target and the snapshot */
	ROWS_EMPTY, /* the CPU delivered no entry */
	ROWS_UNAVAILABLE, /* the kernel refused the snapshot: snapshot.branch_error */
};

struct rows {
	uint32_t n_rows;
	uint32_t trimmed; /* entries of the tracer and the trampoline that were left out */
	enum rows_notice notice;
	struct row rows[SNAPSHOT_MAX_BRANCHES]; /* newest first */
};

/*
 * Names every branch of `snapshot`, then, unless `raw`:
 * - drops the newest entries until one touches [target->start, target->end), exactly the tracer's;
 *   at exit the row that leaves the target stays;
 * - drops the trampoline's entry half, from the patched call at the target's entry to the call of
 *   the target's body, wherever it stands (older than the target's own rows, partly or wholly cut
 *   off by the depth of the record);
 * - drops likewise, where the target ran before in the same record, what the trampoline and its
 *   tracers did between the target's return and the return to the caller;
 * - folds `x -> thunk, thunk -> y` into `x -> y` for return and indirect thunks;
 * - sets the notice.
 * A target without a known range is trimmed by the kinds of the locations alone. Allocates
 * nothing; valid as long as the locations are (symbols_refresh()).
 */
void rows_build(struct symbols *symbols, const struct snapshot *snapshot,
		const struct target *target, bool raw, struct rows *ret);
