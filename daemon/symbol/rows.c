/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot to rows: name, fold, trim. Each stage works on the whole record, on the stack. */
#include "daemon/symbol/rows.h"

#include <errno.h>

#include "common/macro.h"
#include "daemon/symbol/branch-types.h"
#include "daemon/symbol/trim.h"

static void name_branches(struct symbols *symbols, const struct snapshot *snapshot,
		struct edge *edges)
{
	for (uint32_t i = 0; i < snapshot->n_branches; i++) {
		const struct branch *branch = &snapshot->branches[i];

		edges[i] = (struct edge){
			.from = symbols_resolve(symbols, branch->from, snapshot->timestamp),
			.to = symbols_resolve(symbols, branch->to, snapshot->timestamp),
			.branch = i,
			.hops = 1,
		};
	}
}

/* A thunk is entered by a plain call or jump: that hop's own type says nothing of the edge. */
static uint8_t folded_type(const struct edge *edge, uint8_t first_hop)
{
	if (edge->through->kind == LOCATION_RETURN_THUNK)
		return BRANCH_TYPE_RETURN;
	return first_hop == BRANCH_TYPE_CALL ? BRANCH_TYPE_INDIRECT_CALL :
					       BRANCH_TYPE_INDIRECT_JUMP;
}

static struct branch join_hops(struct symbols *symbols, const struct snapshot *snapshot,
		const struct edge *edge)
{
	struct branch joined = snapshot->branches[edge->branch];

	if (joined.type == BRANCH_TYPE_UNKNOWN)
		joined.type = symbols_branch_type(symbols, edge->from,
						  edge->through ? edge->through : edge->to,
						  snapshot->timestamp);
	if (!edge->through)
		return joined;
	for (uint32_t hop = 1; hop < edge->hops; hop++) {
		const struct branch *next = &snapshot->branches[edge->branch - hop];

		joined.mispredicted |= next->mispredicted;
		joined.predicted &= next->predicted;
		joined.cycles = MIN(joined.cycles + next->cycles, UINT16_MAX);
		joined.to = next->to;
	}
	if (joined.type != BRANCH_TYPE_UNKNOWN)
		joined.type = folded_type(edge, joined.type);
	return joined;
}

static void add_row(struct rows *rows, struct symbols *symbols, const struct snapshot *snapshot,
		const struct edge *edge)
{
	rows->rows[rows->n_rows++] = (struct row){
		.from = edge->from,
		.to = edge->to,
		.through = edge->through,
		.branch = join_hops(symbols, snapshot, edge),
		.first = edge->branch,
		.hops = edge->hops,
	};
}

void rows_build(struct symbols *symbols, const struct snapshot *snapshot,
		const struct target *target, bool raw, struct rows *ret)
{
	struct edge edges[SNAPSHOT_MAX_BRANCHES];
	size_t n;

	ret->n_rows = 0;
	ret->trimmed = 0;
	if (snapshot->branch_error && snapshot->branch_error != -ENOENT) {
		ret->notice = ROWS_UNAVAILABLE;
		return;
	}
	if (snapshot->n_branches == 0) { /* the helper's word for it is ENOENT */
		ret->notice = ROWS_EMPTY;
		return;
	}

	name_branches(symbols, snapshot, edges);
	if (raw)
		for (uint32_t i = 0; i < snapshot->n_branches; i++)
			add_row(ret, symbols, snapshot, &edges[i]);
	n = edges_fold(edges, snapshot->n_branches);
	ret->notice = edges_trim(edges, n, target);
	if (raw)
		return;
	for (size_t i = 0; i < n; i++) {
		if (edges[i].dropped)
			ret->trimmed += edges[i].hops;
		else
			add_row(ret, symbols, snapshot, &edges[i]);
	}
}
