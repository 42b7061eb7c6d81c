// SPDX-License-Identifier: Apache-2.0
/* Tracers come and go, and none is left behind. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/trace/programs.h"
#include "tests/guest/trace/fixture.h"

static void shared(void)
{
	struct fixture fixture;
	struct target target, entry;
	struct tracer *first, *second, *other;
	int fd;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_ENTRY, &entry);
	first = fixture_attach(&fixture, &target, false);
	second = fixture_attach(&fixture, &target, false);
	other = fixture_attach(&fixture, &entry, false);
	CHECK(first == second && first != other);
	CHECK_EQ(tracer_n_uses(first), 2);
	CHECK(tracer_number(first) != tracer_number(other));
	CHECK(program_is_ours(tracer_program_id(first)));
	CHECK_EQ(count_tracers(), 2);
	tracer_release(other);

	tracer_deactivate(first); /* not the last use */
	tracer_release(first);
	fixture_program(&fixture, "target_with_long_name", &fd);
	finish_runs(start_runs(fd, 3, 1, -1));
	drain(&fixture);
	CHECK_EQ(fixture.n_records, 3);
	tracer_release(second);
	wait_for_no_tracers();
	fixture_deinit(&fixture);
}

static void deactivated(void)
{
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	int fd;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	fixture_program(&fixture, "target_with_long_name", &fd);
	finish_runs(start_runs(fd, 5, 1, -1));
	tracer_deactivate(tracer);
	finish_runs(start_runs(fd, 5, 1, -1));
	drain(&fixture);
	CHECK_EQ(fixture.n_records, 5);
	tracer_release(tracer);
	fixture_deinit(&fixture);
}

/* The kernel keeps a traced program until its tracer goes, however its owner let go of it. */
static void target_let_go(void)
{
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	uint32_t id;
	struct program program;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	id = target.program_id;
	bpf_object__close(fixture.object);
	fixture.object = NULL;
	CHECK_EQ(program_read(id, &program), 0);
	program_deinit(&program);
	CHECK(!tracer_target_gone(tracer));
	tracer_release(tracer);
	for (int i = 0; i < 10000 && !program_read(id, &program); i++) {
		program_deinit(&program);
		usleep(10000);
	}
	CHECK_EQ(program_read(id, &program), -ENOENT);
	fixture_deinit(&fixture);
}

static void gone_before_it_was_attached(void)
{
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	struct program program;
	char detail[256];

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	bpf_object__close(fixture.object);
	fixture.object = NULL;
	for (int i = 0; i < 10000 && !program_read(target.program_id, &program); i++) {
		program_deinit(&program);
		usleep(10000);
	}
	CHECK_EQ(tracer_acquire(fixture.trace, &target, false, detail, sizeof(detail), &tracer),
			TARGET_E_GONE);
	fixture_deinit(&fixture);
}

static void killed(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		struct fixture fixture;
		struct target target;

		fixture_init(&fixture, 0);
		fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
		fixture_attach(&fixture, &target, false);
		fixture_function(&fixture, "__x64_sys_getpgid", TRACE_ENTRY, &target);
		fixture_attach(&fixture, &target, false);
		CHECK_EQ(count_tracers(), 2);
		CHECK_EQ(write(ready[1], "", 1), 1);
		pause();
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(count_tracers(), 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	wait_for_no_tracers();
}

static void freed_with_tracers(void)
{
	struct fixture fixture;
	struct target target;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	fixture_attach(&fixture, &target, false);
	fixture_attach(&fixture, &target, false);
	fixture_attach(&fixture, &target, true);
	fixture_deinit(&fixture);
	wait_for_no_tracers();
}

static void probes(void)
{
	struct fixture fixture;
	int error = -1;

	fixture_init(&fixture, 0);
	CHECK_EQ(trace_probe(fixture.trace), 0);
	CHECK(trace_has_snapshot_helper(fixture.trace));
	CHECK_EQ(lbr_probe(fixture.lbr, &error), 0);
	CHECK_EQ(error, 0);
	CHECK_EQ(lbr_mode(fixture.lbr), LBR_COUNTING);
	CHECK_EQ(lbr_depth(fixture.lbr), 32);
	lbr_release(fixture.lbr);
	CHECK_EQ(lbr_mode(fixture.lbr), LBR_CLOSED);
	CHECK_EQ(lbr_acquire(fixture.lbr), 0);
	fixture_deinit(&fixture);
}

static void stale_counting_is_replaced(void)
{
	struct fixture fixture;

	fixture_init(&fixture, 0);
	for (int i = 0; i < 1000 && lbr_mode(fixture.lbr) == LBR_COUNTING; i++)
		lbr_observe(fixture.lbr, 0, i % 100 != 99);
	CHECK_EQ(lbr_mode(fixture.lbr), LBR_SAMPLING);
	lbr_release(fixture.lbr);
	CHECK_EQ(lbr_acquire(fixture.lbr), 0);
	CHECK_EQ(lbr_mode(fixture.lbr), LBR_SAMPLING);
	fixture_deinit(&fixture);
}

static void write_online(unsigned int cpu, const char *value)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	file = fopen(path, "we");
	CHECK(file && fputs(value, file) >= 0 && !fclose(file));
}

/* With several CPUs only: the last one goes and comes back. */
static void hotplug(void)
{
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct fixture fixture;
	struct target target;
	int fd;

	if (n_cpus < 2)
		return;
	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	fixture_attach(&fixture, &target, false);
	fixture_program(&fixture, "target_with_long_name", &fd);
	write_online((unsigned int)n_cpus - 1, "0");
	lbr_follow_cpus(fixture.lbr);
	CHECK_EQ(lbr_online_cpus(fixture.lbr), n_cpus - 1);
	write_online((unsigned int)n_cpus - 1, "1");
	lbr_follow_cpus(fixture.lbr);
	CHECK_EQ(lbr_online_cpus(fixture.lbr), n_cpus);
	finish_runs(start_runs(fd, 1, 1, (int)n_cpus - 1));
	drain(&fixture);
	CHECK_EQ(fixture.n_records, 1);
	CHECK(fixture.records[0].n_branches > 0);
	fixture_deinit(&fixture);
}

const struct test_case life_cases[] = {
	{ "one tracer for two uses", shared },
	{ "deactivated, nothing more arrives", deactivated },
	{ "the target's owner lets go of it", target_let_go },
	{ "the target is gone before it is attached", gone_before_it_was_attached },
	{ "killed, nothing is left", killed },
	{ "freed with tracers, nothing is left", freed_with_tracers },
	{ "probes", probes },
	{ "stale counting is replaced by sampling", stale_counting_is_replaced },
	{ "a CPU goes and comes back", hotplug },
	{},
};
