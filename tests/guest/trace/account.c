// SPDX-License-Identifier: Apache-2.0
/* Every event is delivered or counted as lost: nothing is lost silently. */
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/guest/trace/fixture.h"

#define BURST 200000

static uint64_t sum(const struct tracer_losses *losses)
{
	return losses->ring_full + losses->slot_busy + losses->recursion + losses->rate;
}

/* Drains while the process runs, then to the end; the tracer is detached by then. */
static void drain_until(struct fixture *fixture, struct tracer *tracer, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status;

		while (!waitpid(pids[i], &status, WNOHANG)) {
			trace_drain(fixture->trace, 256);
			trace_release(fixture->trace);
		}
		CHECK_EQ(status, 0);
	}
	tracer_deactivate(tracer);
	drain(fixture);
}

static void burst(size_t ring_bytes, bool drained_meanwhile, struct tracer_losses *ret)
{
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	int fd;
	pid_t pid;

	fixture_init(&fixture, ring_bytes);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	fixture_program(&fixture, "target_with_long_name", &fd);
	pid = start_runs(fd, BURST, 1, 0);
	if (!drained_meanwhile)
		while (waitpid(pid, NULL, WNOHANG) == 0)
			usleep(1000);
	else
		drain_until(&fixture, tracer, &pid, 1);
	drain(&fixture);
	tracer_losses(tracer, true, ret);
	printf("# %zu KiB: %zu delivered, %llu lost (ring %llu, slot %llu, recursion %llu)\n",
			ring_bytes >> 10, fixture.n_records, (unsigned long long)sum(ret),
			(unsigned long long)ret->ring_full, (unsigned long long)ret->slot_busy,
			(unsigned long long)ret->recursion);
	CHECK_EQ(fixture.n_records + sum(ret), BURST);
	CHECK_EQ(fixture.n_bad, 0);
	tracer_release(tracer);
	fixture_deinit(&fixture);
}

static void burst_into_a_page(void)
{
	struct tracer_losses losses;

	burst(4096, true, &losses);
	CHECK(losses.ring_full > 0);
}

static void burst_without_a_reader(void)
{
	struct tracer_losses losses;

	burst(1 << 20, false, &losses);
	CHECK(losses.ring_full > 0);
}

static void burst_into_a_large_ring(void)
{
	struct tracer_losses losses;

	burst(64 << 20, true, &losses);
	CHECK_EQ(losses.slot_busy + losses.recursion + losses.rate, 0);
}

static void rate_ceiling(void)
{
	const struct tracer_filter filter = { .max_per_second = 10 };
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	struct tracer_losses losses;
	uint64_t start, seconds;
	int fd;
	pid_t pid;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	tracer_set_filter(tracer, &filter);
	fixture_program(&fixture, "target_with_long_name", &fd);
	start = clock_ns(CLOCK_MONOTONIC);
	pid = start_runs(fd, BURST / 10, 1, 0);
	drain_until(&fixture, tracer, &pid, 1);
	seconds = (clock_ns(CLOCK_MONOTONIC) - start) / NS_PER_SECOND;
	tracer_losses(tracer, true, &losses);
	printf("# %zu delivered, %llu above the rate\n", fixture.n_records,
			(unsigned long long)losses.rate);
	CHECK(fixture.n_records >= 10 && fixture.n_records <= 10 * (seconds + 2));
	CHECK_EQ(fixture.n_records + losses.rate, BURST / 10);
	CHECK_EQ(sum(&losses), losses.rate);
	tracer_release(tracer);
	fixture_deinit(&fixture);
}

static void filter_by_process(void)
{
	struct tracer_filter filter = {};
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	struct tracer_losses losses;
	int fd;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	fixture_program(&fixture, "target_with_long_name", &fd);
	filter.pid = 1;
	tracer_set_filter(tracer, &filter);
	finish_runs(start_runs(fd, 100, 1, 0));
	drain(&fixture);
	CHECK_EQ(fixture.n_records, 0);
	filter.pid = 0;
	tracer_set_filter(tracer, &filter);
	finish_runs(start_runs(fd, 10, 1, 0));
	drain(&fixture);
	CHECK_EQ(fixture.n_records, 10);
	/* What nobody wanted is no loss. */
	tracer_losses(tracer, true, &losses);
	CHECK_EQ(sum(&losses), 0);
	tracer_release(tracer);
	fixture_deinit(&fixture);
}

/* The packet's first byte is the CPU: a record with another CPU's result was overwritten. */
static bool is_of_its_cpu(const struct snapshot *snapshot)
{
	return (uint32_t)snapshot->return_value == expected_return((uint8_t)snapshot->cpu);
}

static void all_cpus_at_once(void)
{
	unsigned int n_cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	struct tracer_losses losses;
	pid_t pids[64];
	int fd;

	CHECK(n_cpus <= 64);
	fixture_init(&fixture, 0);
	fixture.accept = is_of_its_cpu;
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	fixture_program(&fixture, "target_with_long_name", &fd);
	for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
		pids[cpu] = start_runs(fd, BURST / 4, (uint8_t)cpu, (int)cpu);
	drain_until(&fixture, tracer, pids, n_cpus);
	tracer_losses(tracer, true, &losses);
	printf("# %u CPUs: %zu delivered, %llu lost, of these slot %llu\n", n_cpus,
			fixture.n_records, (unsigned long long)sum(&losses),
			(unsigned long long)losses.slot_busy);
	CHECK_EQ(fixture.n_bad, 0);
	CHECK_EQ(fixture.n_records + sum(&losses), n_cpus * (BURST / 4));
	tracer_release(tracer);
	fixture_deinit(&fixture);
}

const struct test_case account_cases[] = {
	{ "burst into a ring of one page", burst_into_a_page },
	{ "burst without a reader", burst_without_a_reader },
	{ "burst into a large ring", burst_into_a_large_ring },
	{ "rate ceiling", rate_ceiling },
	{ "filter by process", filter_by_process },
	{ "all CPUs at once", all_cpus_at_once },
	{},
};
