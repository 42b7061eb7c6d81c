/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays runs and gaps end to end, from the oldest branch on. The rule that must not break: between
 * two branches that follow each other in the record stands exactly one run or gap, so that a reader
 * who finds no gap has everything.
 */
#include "daemon/symbol/path.h"

#include "common/macro.h"
#include "daemon/symbol/kinds.h"
#include "daemon/symbol/path-maker.h"

/* The longest way into a target that the trampoline's call of its body may take: endbr64, call. */
#define MAX_ENTRY_OFFSET 9

struct walk {
	struct symbols *symbols;
	const struct snapshot *snapshot;
	const struct rows *rows;
	enum path_detail detail;
	struct path *path;
	int depth;
};

static struct path_step *add_step(struct walk *walk, enum path_gap gap)
{
	struct path_step *step = &walk->path->steps[walk->path->n_steps++];

	*step = (struct path_step){
		.gap = gap, .depth = walk->depth, .branch = PATH_NO_BRANCH,
	};
	return step;
}

static const struct location *resolve(const struct walk *walk, uint64_t address)
{
	return symbols_resolve(walk->symbols, address, walk->snapshot->timestamp);
}

/* The code of the tracer, which is no part of the story. */
static bool is_ours(const struct location *location)
{
	return location->kind == LOCATION_TRAMPOLINE || location->kind == LOCATION_BPF_TRACER ||
	       location->kind == LOCATION_TRACING;
}

static bool is_interrupt(const struct row *row)
{
	if (row->branch.type != BRANCH_TYPE_UNKNOWN)
		return row->branch.type == BRANCH_TYPE_INTERRUPT;
	return is_interrupt_vector(row->to) && row->from->kind != LOCATION_INTERRUPT;
}

static bool same_function(const struct location *a, const struct location *b)
{
	return a->symbol && b->symbol && a->address - a->offset == b->address - b->offset;
}

/* By what the CPU says, or by where it leads to. */
static enum path_end guess_end(const struct row *row)
{
	switch (row->branch.type) {
	case BRANCH_TYPE_CONDITIONAL:
		return PATH_END_CONDITIONAL;
	case BRANCH_TYPE_JUMP:
	case BRANCH_TYPE_INDIRECT_JUMP:
		return PATH_END_JUMP;
	case BRANCH_TYPE_CALL:
	case BRANCH_TYPE_INDIRECT_CALL:
	case BRANCH_TYPE_CONDITIONAL_CALL:
	case BRANCH_TYPE_SYSTEM_CALL:
		return PATH_END_CALL;
	case BRANCH_TYPE_RETURN:
	case BRANCH_TYPE_CONDITIONAL_RETURN:
	case BRANCH_TYPE_SYSTEM_RETURN:
	case BRANCH_TYPE_EXCEPTION_RETURN:
		return PATH_END_RETURN;
	case BRANCH_TYPE_INTERRUPT:
		return PATH_END_INTERRUPT;
	default:
		break;
	}
	if (!row->to->symbol || same_function(row->from, row->to))
		return PATH_END_UNKNOWN;
	return row->to->offset == 0 ? PATH_END_CALL : PATH_END_RETURN;
}

/* How the branch of `row` ends a run; `decoded` is what its instruction says. */
static enum path_end end_of_row(const struct row *row, enum path_end decoded)
{
	if (row->through && row->through->kind == LOCATION_RETURN_THUNK)
		return PATH_END_RETURN;
	return decoded == PATH_END_UNKNOWN ? guess_end(row) : decoded;
}

static void follow(struct walk *walk, const struct row *row, enum path_end end)
{
	/* It stands in for the return of the body, which has been counted. */
	if (row->from->kind == LOCATION_TRAMPOLINE)
		return;
	if (end == PATH_END_CALL || end == PATH_END_INTERRUPT)
		walk->depth++;
	else if (end == PATH_END_RETURN)
		walk->depth--;
}

/* The run [from, to], or the gap in its place; NULL: nothing was executed there. */
static struct path_step *add_run(struct walk *walk, const struct path_key *key)
{
	const struct location *start = resolve(walk, key->from);
	struct path_run_answer answer;
	struct path_step *step;

	if (key->interrupted && key->from == key->to)
		return NULL;
	path_maker_get(walk->symbols, key, walk->snapshot->timestamp, &answer);
	step = add_step(walk, answer.gap);
	step->from = key->from;
	step->to = key->to;
	step->at = start;
	step->error = answer.error;
	step->end = answer.end;
	step->text = answer.text;
	step->text_length = answer.text_length;
	return step;
}

/* From `from` to the branch of rows[i], and what that does. */
static void add_row(struct walk *walk, uint64_t from, uint32_t i)
{
	const struct row *row = &walk->rows->rows[i];
	const struct path_key key = {
		.from = from,
		.to = row->branch.from,
		.next = walk->snapshot->branches[row->first].to,
		.interrupted = is_interrupt(row),
		.detail = walk->detail,
	};
	struct path_step *step = add_run(walk, &key);
	enum path_end end = end_of_row(row, step ? step->end : PATH_END_UNKNOWN);

	if (step) {
		step->branch = i;
		step->end = end;
	}
	if (key.interrupted) {
		step = add_step(walk, PATH_INTERRUPT);
		step->at = row->to;
		step->from = key.to;
		step->branch = i;
	}
	follow(walk, row, end);
}

/* Branches [newest, oldest] of the snapshot were dropped as the tracer's. */
static void add_trimmed(struct walk *walk, uint32_t oldest, uint32_t newest)
{
	struct path_step *step = add_step(walk, PATH_TRIMMED);

	step->trimmed = oldest - newest + 1;
}

/* What led up to the first of dropped branches, where it is not the tracer's code itself. */
static void add_before_trimmed(struct walk *walk, uint64_t from, uint32_t oldest)
{
	const struct branch *branch = &walk->snapshot->branches[oldest];
	const struct path_key key = {
		.from = from,
		.to = branch->from,
		.next = branch->to,
		.detail = walk->detail,
	};

	if (!is_ours(resolve(walk, from)))
		add_run(walk, &key);
}

/*
 * The branches between rows[i] and the one before it, `older`, which was the last to be followed;
 * UINT32_MAX: there is none. Then the run that ends with rows[i].
 */
static void add_between(struct walk *walk, uint32_t older, uint32_t i)
{
	const struct snapshot *snapshot = walk->snapshot;
	const struct row *row = &walk->rows->rows[i];
	uint32_t dropped = older == UINT32_MAX ? snapshot->n_branches : older;
	uint64_t from;

	if (dropped == row->first + 1u) {
		/* Of the very first branch only its own instruction is known to be executed. */
		from = older == UINT32_MAX ? row->branch.from : snapshot->branches[older].to;
		add_row(walk, from, i);
		return;
	}
	if (older != UINT32_MAX)
		add_before_trimmed(walk, snapshot->branches[older].to, older - 1);
	add_trimmed(walk, dropped - 1, row->first + 1);
	from = snapshot->branches[row->first + 1].to;
	if (is_ours(resolve(walk, from)) && is_ours(row->from))
		follow(walk, row, end_of_row(row, PATH_END_UNKNOWN));
	else
		add_row(walk, from, i);
}

/* Whether the record tells of the target from its first instruction on. */
static bool is_whole(const struct walk *walk, const struct target *target)
{
	for (uint32_t i = 0; i < walk->snapshot->n_branches; i++) {
		uint64_t to = walk->snapshot->branches[i].to;

		if (!target->start || to < target->start || to > target->start + MAX_ENTRY_OFFSET)
			continue;
		if (to == target->start ||
		    resolve(walk, walk->snapshot->branches[i].from)->kind == LOCATION_TRAMPOLINE)
			return true;
	}
	return false;
}

static void level(struct path *path)
{
	int least = 0;

	for (uint32_t i = 0; i < path->n_steps; i++)
		least = i ? MIN(least, path->steps[i].depth) : path->steps[i].depth;
	for (uint32_t i = 0; i < path->n_steps; i++)
		path->steps[i].depth -= least;
}

void path_build(struct symbols *symbols, const struct snapshot *snapshot,
		const struct target *target, const struct rows *rows, enum path_detail detail,
		struct path *ret)
{
	struct walk walk = {
		.symbols = symbols,
		.snapshot = snapshot,
		.rows = rows,
		.detail = detail,
		.path = ret,
	};
	uint32_t older = UINT32_MAX;

	ret->n_steps = 0;
	if (!rows->n_rows)
		return;
	if (!is_whole(&walk, target))
		add_step(&walk, PATH_TRUNCATED);
	for (uint32_t i = rows->n_rows; i-- > 0;) {
		add_between(&walk, older, i);
		older = rows->rows[i].first - (rows->rows[i].hops - 1);
	}
	level(ret);
}
