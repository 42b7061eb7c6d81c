/* SPDX-License-Identifier: Apache-2.0 */
/* What was executed: the instructions and source lines between the branches of a snapshot. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/model/snapshot.h"
#include "daemon/model/target.h"
#include "daemon/symbol/path-run.h"
#include "daemon/symbol/rows.h"
#include "daemon/symbol/symbols.h"

/* Between two branches at most: run, interrupt or trimmed rows, run. */
#define PATH_MAX_STEPS (3 * SNAPSHOT_MAX_BRANCHES + 3)
#define PATH_NO_BRANCH UINT32_MAX

/* A straight run, or a gap. */
struct path_step {
	enum path_gap gap;
	enum path_end end; /* of a run, and of a gap in a run's place */
	int depth; /* of calls, 0 at the outermost */
	uint32_t branch; /* index in rows.rows of the branch that ended it, or PATH_NO_BRANCH */
	uint64_t from; /* of the first instruction */
	uint64_t to; /* of the last one */
	const struct location *at; /* of a gap: `from`; of an interrupt its handler; may be NULL */
	uint32_t trimmed; /* branches of the tracer */
	int error; /* PATH_NO_CODE: enum code_error */
	const char *text; /* of a run, rendered */
	size_t text_length;
};

struct path {
	uint32_t n_steps;
	struct path_step steps[PATH_MAX_STEPS]; /* oldest first */
};

/*
 * What was executed from the oldest branch of `rows` (built of `snapshot` and `target`, not raw) to
 * the newest. Every instruction in it was executed, and where some may be missing stands a gap with
 * its reason. Hops through thunks belong to the branch that they carry out. Each run is decoded
 * once for a detail, and cached as long as its code lives. Valid until symbols_refresh().
 */
void path_build(struct symbols *symbols, const struct snapshot *snapshot,
		const struct target *target, const struct rows *rows, enum path_detail detail,
		struct path *ret);
