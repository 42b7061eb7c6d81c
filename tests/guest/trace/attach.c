// SPDX-License-Identifier: Apache-2.0
/* What a tracer reports of one event, in each of its flavours. */
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/guest/trace/fixture.h"

/*
 * target_with_long_name is called, calls the trampoline, is called by it behind its entry, calls
 * its subprogram, is returned to, and returns into the trampoline.
 */
#define TOUCHING_ROWS 6
#define N_RUNS 10

static bool touches(const struct branch *branch, const struct target *target)
{
	return (branch->from >= target->start && branch->from < target->end) ||
	       (branch->to >= target->start && branch->to < target->end);
}

static unsigned int count_touching(const struct snapshot *snapshot, const struct target *target)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < snapshot->n_branches; i++)
		n += touches(&snapshot->branches[i], target);
	return n;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/*
 * An interrupt between the target and the snapshot leaves no row of the target. That is no fault,
 * and rare: the record with the most of them becomes the first.
 */
static void choose_best_record(struct fixture *fixture, const struct target *target)
{
	for (size_t i = 1; i < fixture->n_records; i++)
		if (count_touching(&fixture->records[i], target) >
		    count_touching(&fixture->records[0], target))
			fixture->records[0] = fixture->records[i];
}

/* Some runs of `program` with the tracer on `target`; the first record stands for all. */
static void trace_runs(struct fixture *fixture, const struct target *target, const char *program,
		int cpu, bool without_branches)
{
	uint64_t begin = now();
	struct tracer *tracer = fixture_attach(fixture, target, without_branches);
	struct tracer_losses losses;
	pid_t pid;
	int fd;

	fixture_program(fixture, program, &fd);
	pid = start_runs(fd, N_RUNS, 7, cpu);
	finish_runs(pid);
	drain(fixture);
	CHECK_EQ(fixture->n_bad, 0);
	CHECK_EQ(fixture->n_records, N_RUNS);
	for (size_t i = 0; i < N_RUNS; i++) {
		const struct snapshot *record = &fixture->records[i];

		CHECK_EQ(record->tracer, tracer_number(tracer));
		CHECK_EQ(record->pid, pid);
		CHECK_EQ(record->tid, pid);
		CHECK_STR(record->comm, "trace-guest");
		CHECK(record->timestamp > begin && record->timestamp < now());
		begin = record->timestamp;
	}
	tracer_losses(tracer, true, &losses);
	CHECK_EQ(losses.ring_full + losses.slot_busy + losses.rate + losses.recursion, 0);
	tracer_release(tracer);
	choose_best_record(fixture, target);
}

static void exit_of_a_program(void)
{
	struct fixture fixture;
	struct target target;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	CHECK_STR(target.program, "target_with_long_name");
	CHECK_EQ(target.return_kind, RETURN_SIGNED);
	CHECK_EQ(target.return_bytes, 4);
	trace_runs(&fixture, &target, "target_with_long_name", 0, false);
	CHECK_EQ((uint32_t)fixture.records[0].return_value, expected_return(7));
	CHECK_EQ(fixture.records[0].cpu, 0);
	CHECK_EQ(fixture.records[0].branch_error, 0);
	CHECK_EQ(count_touching(&fixture.records[0], &target), TOUCHING_ROWS);
	fixture_deinit(&fixture);
}

static void entry_of_a_program(void)
{
	const struct branch *branch;
	struct fixture fixture;
	struct target target;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_ENTRY, &target);
	trace_runs(&fixture, &target, "target_with_long_name", 0, false);
	CHECK_EQ(fixture.records[0].return_value, 0);
	/* It is called and calls the trampoline, and did nothing else yet. */
	CHECK(count_touching(&fixture.records[0], &target) >= 2);
	for (branch = fixture.records[0].branches; !touches(branch, &target); branch++)
		;
	/* The call stands at the very start, or behind an endbr64. */
	CHECK(branch[0].from - target.start <= 4);
	CHECK_EQ(branch[1].to, target.start);
	fixture_deinit(&fixture);
}

static void exit_of_a_subprogram(void)
{
	struct fixture fixture;
	struct target target;
	char name[300];

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", "target_subprogram", TRACE_EXIT,
			&target);
	target_format_name(&target, name, sizeof(name));
	CHECK_STR(name, "target_with_long_name:target_subprogram");
	CHECK_EQ(target.return_kind, RETURN_UNSIGNED);
	CHECK_EQ(target.return_bytes, 8);
	trace_runs(&fixture, &target, "target_with_long_name", 0, false);
	CHECK_EQ(fixture.records[0].return_value, (64LL << 32) + 64 + 7);
	CHECK(count_touching(&fixture.records[0], &target) >= 1);
	fixture_deinit(&fixture);
}

static void without_branches(void)
{
	struct fixture fixture;
	struct target target;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	trace_runs(&fixture, &target, "target_with_long_name", 0, true);
	CHECK_EQ((uint32_t)fixture.records[0].return_value, expected_return(7));
	CHECK_EQ(fixture.records[0].n_branches, 0);
	CHECK_EQ(fixture.records[0].branch_error, 0);
	fixture_deinit(&fixture);
}

/* getpgid() is a simple function of the kernel whose result a process knows. */
static void exit_of_a_kernel_function(void)
{
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	struct tracer_filter filter = {};
	int ready[2];
	char byte;
	pid_t pid;

	fixture_init(&fixture, 0);
	fixture_function(&fixture, "__x64_sys_getpgid", TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid)
		_exit(read(ready[0], &byte, 1) != 1 || getpgid(0) < 0);
	filter.pid = (uint32_t)pid;
	tracer_set_filter(tracer, &filter);
	CHECK_EQ(write(ready[1], "", 1), 1);
	finish_runs(pid);
	close(ready[0]);
	close(ready[1]);
	drain(&fixture);
	CHECK_EQ(fixture.n_records, 1);
	CHECK_EQ(fixture.records[0].return_value, getpgid(0));
	CHECK_EQ(fixture.records[0].pid, pid);
	CHECK(fixture.records[0].n_branches > 0);
	fixture_deinit(&fixture);
}

static void two_cpus(void)
{
	struct fixture fixture;
	struct target target;

	for (unsigned int cpu = 0; cpu < (unsigned int)sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		fixture_init(&fixture, 0);
		CHECK_EQ(lbr_online_cpus(fixture.lbr), sysconf(_SC_NPROCESSORS_ONLN));
		fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
		trace_runs(&fixture, &target, "target_with_long_name", (int)cpu, false);
		CHECK_EQ(fixture.records[0].cpu, cpu);
		CHECK_EQ(count_touching(&fixture.records[0], &target), TOUCHING_ROWS);
		fixture_deinit(&fixture);
	}
}

/*
 * Entries between the target's last branch and the snapshot: not more than the kernel's own. The
 * row that leaves the target is its last.
 */
static void nothing_wasted(void)
{
	struct fixture fixture;
	struct target target;
	uint32_t wasted = 0;
	unsigned int floor = getenv("LBRD_FLOOR") ? (unsigned int)atoi(getenv("LBRD_FLOOR")) : 0;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_short", NULL, TRACE_EXIT, &target);
	trace_runs(&fixture, &target, "target_short", 0, false);
	while (wasted < fixture.records[0].n_branches &&
	       !touches(&fixture.records[0].branches[wasted], &target))
		wasted++;
	printf("# %u of %u entries lie between the target's last branch and the snapshot\n", wasted,
			fixture.records[0].n_branches);
	CHECK(wasted < fixture.records[0].n_branches);
	if (floor)
		CHECK_EQ(wasted, floor);
	fixture_deinit(&fixture);
}

const struct test_case attach_cases[] = {
	{ "exit of a program", exit_of_a_program },
	{ "entry of a program", entry_of_a_program },
	{ "exit of a subprogram", exit_of_a_subprogram },
	{ "an event without branches", without_branches },
	{ "exit of a kernel function", exit_of_a_kernel_function },
	{ "each CPU", two_cpus },
	{ "nothing wasted", nothing_wasted },
	{},
};
