/* SPDX-License-Identifier: Apache-2.0 */
/* Tries each story at every depth of the record, and rows on what is no story. */
#include <errno.h>

#include "daemon/symbol/rows.h"
#include "tests/unit/symbol/stories.h"
#include "tests/unit/symbol/world.h"

struct hop {
	char mark;
	uint64_t from;
	uint64_t to;
};

struct expected_row {
	uint64_t from;
	uint64_t to;
	uint64_t through; /* 0: none */
};

static void parse_hop(const char *text, struct hop *ret)
{
	const char *rest;

	ret->mark = *text++;
	ret->from = parse_place(text, &rest);
	CHECK(!strncmp(rest, " -> ", 4));
	ret->to = parse_place(rest + 4, &rest);
	CHECK(*rest == '\0');
}

/* Rows of hops[0..n), oldest first, as the marks want them. */
static size_t expect_rows(const struct hop *hops, size_t n, struct expected_row *rows,
		size_t *ret_dropped)
{
	size_t n_rows = 0;
	bool joining = false;

	*ret_dropped = 0;
	for (size_t i = 0; i < n; i++) {
		bool thunk_follows = hops[i].mark == '&';

		if (hops[i].mark == '-') {
			(*ret_dropped)++;
			continue;
		}
		if (joining) {
			if (!rows[n_rows - 1].through)
				rows[n_rows - 1].through = rows[n_rows - 1].to;
			rows[n_rows - 1].to = hops[i].to;
		} else {
			rows[n_rows++] = (struct expected_row){ hops[i].from, hops[i].to, 0 };
		}
		joining = thunk_follows;
	}
	return n_rows;
}

static bool lies_in(const struct target *target, uint64_t address)
{
	return address >= target->start && address < target->end;
}

static bool any_touches(const struct target *target, const struct hop *hops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lies_in(target, hops[i].from) || lies_in(target, hops[i].to))
			return true;
	return false;
}

static bool any_kept(const struct hop *hops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hops[i].mark != '-')
			return true;
	return false;
}

static void fill_snapshot(const struct hop *hops, size_t n, struct snapshot *ret)
{
	*ret = (struct snapshot){ .timestamp = 1000, .n_branches = n };
	for (size_t i = 0; i < n; i++) {
		ret->branches[n - 1 - i].from = hops[i].from;
		ret->branches[n - 1 - i].to = hops[i].to;
	}
}

static void check_rows(const struct rows *rows, const struct expected_row *expected, size_t n)
{
	CHECK_EQ(rows->n_rows, n);
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows->rows[n - 1 - i]; /* newest first */

		CHECK_EQ(row->from->address, expected[i].from);
		CHECK_EQ(row->to->address, expected[i].to);
		CHECK_EQ(row->through ? row->through->address : 0, expected[i].through);
		CHECK_EQ(row->branch.from, expected[i].from);
	}
}

/* The newest `depth` of the n hops. */
static void try_depth(struct symbols *symbols, const struct story *story,
		const struct target *target, const struct hop *hops, size_t n, size_t depth)
{
	const struct hop *seen = hops + n - depth;
	struct expected_row expected[MAX_HOPS];
	struct snapshot snapshot;
	struct rows rows;
	size_t n_expected, dropped;
	bool all = !any_touches(target, seen, depth) || !any_kept(seen, depth);

	fill_snapshot(seen, depth, &snapshot);
	rows_build(symbols, &snapshot, target, false, &rows);
	if (all) {
		/* Which hops of the tracer fold together the marks do not say: count them. */
		CHECK(rows.notice == ROWS_NO_TARGET ||
		      (rows.notice == ROWS_POLLUTED && story->notice == ROWS_POLLUTED));
		CHECK_EQ(rows.trimmed, 0);
		CHECK(rows.n_rows > 0);
		CHECK_EQ(rows.rows[0].to->address, snapshot.branches[0].to);
	} else {
		n_expected = expect_rows(seen, depth, expected, &dropped);
		check_rows(&rows, expected, n_expected);
		CHECK_EQ(rows.trimmed, dropped);
		CHECK_EQ(rows.notice, story->notice);
	}

	rows_build(symbols, &snapshot, target, true, &rows);
	CHECK_EQ(rows.n_rows, depth);
	CHECK_EQ(rows.trimmed, 0);
	for (size_t i = 0; i < depth; i++) {
		CHECK_EQ(rows.rows[i].from->address, snapshot.branches[i].from);
		CHECK_EQ(rows.rows[i].to->address, snapshot.branches[i].to);
		CHECK(rows.rows[i].through == NULL);
	}
	if (!all)
		CHECK_EQ(rows.notice, story->notice);
}

static void fill_target(const struct story *story, struct target *ret)
{
	const char *name = story->target ? story->target : "target";
	const struct place *place = place_named(name, strlen(name));
	bool program = place->module != NULL;

	*ret = (struct target){
		.kind = program ? TARGET_PROGRAM : TARGET_FUNCTION,
		.mode = story->mode,
		.start = place->address,
		.end = place->address + 0x100,
	};
	snprintf(ret->function, sizeof(ret->function), "%s", place->symbol);
}

static void try_story(struct symbols *symbols, const struct story *story)
{
	struct hop hops[MAX_HOPS] = {};
	struct target target;
	size_t n = 0;

	for (; story->hops[n]; n++)
		parse_hop(story->hops[n], &hops[n]);
	fill_target(story, &target);
	for (size_t depth = 1; depth <= n; depth++) {
		fprintf(stderr, "%s, depth %zu\n", story->title, depth);
		try_depth(symbols, story, &target, hops, n, depth);
	}

	/* Without a range the target is recognized by its name. */
	struct target nameless = target;
	struct expected_row expected[MAX_HOPS];
	struct snapshot snapshot;
	struct rows rows;
	size_t dropped, n_expected = expect_rows(hops, n, expected, &dropped);

	nameless.start = nameless.end = 0;
	fill_snapshot(hops, n, &snapshot);
	rows_build(symbols, &snapshot, &nameless, false, &rows);
	check_rows(&rows, expected, n_expected);
}

/* Neither range nor name: only what the trampoline does tells which function it is about. */
static void try_kinds_alone(struct symbols *symbols)
{
	static const char *const text[] = {
		" caller+0x20 -> target+0",
		"-target+0 -> tramp+0",
		"-tramp+0x40 -> target+5",
		" target+0x20 -> target+0x40",
		" target+0x90 -> tramp+0x45",
		"-tramp+0x50 -> prog_enter+0",
		"-prog_enter+0x20 -> tramp+0x55",
		"-tramp+0x60 -> tracer+0",
	};
	size_t n = sizeof(text) / sizeof(text[0]), dropped, n_expected;
	struct target target = { .kind = TARGET_PROGRAM, .function = "unheard_of" };
	struct expected_row expected[MAX_HOPS];
	struct hop hops[MAX_HOPS] = {};
	struct snapshot snapshot;
	struct rows rows;

	for (size_t i = 0; i < n; i++)
		parse_hop(text[i], &hops[i]);
	for (size_t depth = 4; depth <= n; depth++) {
		const struct hop *seen = hops + n - depth;

		n_expected = expect_rows(seen, depth, expected, &dropped);
		fill_snapshot(seen, depth, &snapshot);
		rows_build(symbols, &snapshot, &target, false, &rows);
		check_rows(&rows, expected, n_expected);
		CHECK_EQ(rows.trimmed, dropped);
		CHECK_EQ(rows.notice, ROWS_FINE);
	}
}

/* A folded edge has one set of flags. */
static void try_flags(struct symbols *symbols)
{
	static const char *const text[] = {
		" target+0x20 -> rax_thunk+0",
		" rax_thunk+0x10 -> ret_thunk+0",
		" ret_thunk+0 -> helper+0",
		" helper+0x10 -> ret_thunk+0",
		" ret_thunk+0 -> target+0x25",
		" target+0x90 -> tramp+0x45",
	};
	struct story story = {};
	struct hop hops[MAX_HOPS] = {};
	struct snapshot snapshot;
	struct target target;
	struct rows rows;

	for (size_t i = 0; i < 6; i++)
		parse_hop(text[i], &hops[i]);
	fill_target(&story, &target);
	fill_snapshot(hops, 6, &snapshot);
	for (size_t i = 0; i < 6; i++)
		snapshot.branches[i].predicted = true;
	snapshot.branches[5].type = BRANCH_TYPE_CALL;
	snapshot.branches[5].cycles = 40000;
	snapshot.branches[4].type = BRANCH_TYPE_JUMP;
	snapshot.branches[4].cycles = 40000;
	snapshot.branches[3].type = BRANCH_TYPE_RETURN;
	snapshot.branches[2].type = BRANCH_TYPE_JUMP;
	snapshot.branches[2].cycles = 3;
	snapshot.branches[1].type = BRANCH_TYPE_RETURN;
	snapshot.branches[1].cycles = 4;
	snapshot.branches[1].predicted = false;
	snapshot.branches[1].mispredicted = true;

	rows_build(symbols, &snapshot, &target, false, &rows);
	CHECK_EQ(rows.n_rows, 3);
	CHECK_EQ(rows.rows[2].branch.type, BRANCH_TYPE_INDIRECT_CALL);
	CHECK_EQ(rows.rows[2].branch.cycles, 65535);
	CHECK(rows.rows[2].branch.predicted && !rows.rows[2].branch.mispredicted);
	CHECK_EQ(rows.rows[1].branch.type, BRANCH_TYPE_RETURN);
	CHECK_EQ(rows.rows[1].branch.cycles, 7);
	CHECK(!rows.rows[1].branch.predicted && rows.rows[1].branch.mispredicted);
	CHECK_EQ(rows.rows[1].branch.to, rows.rows[1].to->address);
	CHECK_EQ(rows.rows[0].branch.type, BRANCH_TYPE_UNKNOWN);
	CHECK(rows.rows[0].through == NULL);
}

static void try_errors(struct symbols *symbols)
{
	struct target target = {};
	struct snapshot snapshot = { .branch_error = -ENOENT };
	struct rows rows;

	rows_build(symbols, &snapshot, &target, false, &rows);
	CHECK_EQ(rows.notice, ROWS_EMPTY);
	CHECK_EQ(rows.n_rows, 0);
	snapshot.branch_error = -EINVAL;
	rows_build(symbols, &snapshot, &target, false, &rows);
	CHECK_EQ(rows.notice, ROWS_UNAVAILABLE);
	snapshot.branch_error = 0;
	rows_build(symbols, &snapshot, &target, true, &rows);
	CHECK_EQ(rows.notice, ROWS_EMPTY);
}

/* Nothing that the ring may hold can make rows go out of bounds. */
static void try_noise(struct symbols *symbols)
{
	unsigned int seed = 1;

	for (unsigned int round = 0; round < 20000; round++) {
		struct snapshot snapshot = { .timestamp = round };
		struct target target;
		struct story story = { .mode = round % 2 ? TRACE_EXIT : TRACE_ENTRY };
		struct rows rows;

		fill_target(&story, &target);
		if (round % 3 == 0)
			target.start = target.end = 0;
		snapshot.n_branches = rand_r(&seed) % (SNAPSHOT_MAX_BRANCHES + 1);
		for (uint32_t i = 0; i < 2 * snapshot.n_branches; i++) {
			static const unsigned int offsets[] = { 0, 4, 5, 9, 0x40, 0x45, 0x90 };
			size_t place = rand_r(&seed) % (sizeof(places) / sizeof(places[0]));
			uint64_t address = places[place].address + offsets[rand_r(&seed) % 7];

			if (i % 2)
				snapshot.branches[i / 2].to = address;
			else
				snapshot.branches[i / 2].from = address;
		}
		rows_build(symbols, &snapshot, &target, false, &rows);
		CHECK(rows.n_rows <= snapshot.n_branches);
		CHECK(rows.trimmed <= snapshot.n_branches);
		CHECK(rows.n_rows + rows.trimmed <= snapshot.n_branches);
	}
}

int main(void)
{
	struct symbols *symbols = make_world(NULL);

	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		try_story(symbols, &stories[i]);
	try_kinds_alone(symbols);
	try_flags(symbols);
	try_errors(symbols);
	try_noise(symbols);
	symbols_free(symbols);
	return 0;
}
