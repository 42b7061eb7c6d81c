// SPDX-License-Identifier: Apache-2.0
/*
 * What tracing costs, in guest instructions: run it with `tests/vm/run --icount`, where one
 * nanosecond of the guest is one instruction. The peers' figures are those measured in the same
 * guest (6.12, one CPU, the same kind of target).
 */
#include <bpf/bpf.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/guest/trace/fixture.h"

#define RUNS 2000
#define TARGET "target_with_long_name"

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Of one run of the target, by the kernel's own measure; a process of its own makes the runs. */
static unsigned int cost_of_a_run(int program_fd)
{
	uint32_t *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t packet[PACKET_BYTES] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options,
		.data_in = packet,
		.data_size_in = sizeof(packet),
		.repeat = RUNS);
	uint32_t cost;
	pid_t pid;

	CHECK(shared != MAP_FAILED);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		/* The second time: the first makes pages and caches. */
		int r = bpf_prog_test_run_opts(program_fd, &options) ||
			bpf_prog_test_run_opts(program_fd, &options);

		*shared = options.duration;
		_exit(r);
	}
	finish_runs(pid);
	cost = *shared;
	munmap(shared, sizeof(*shared));
	return cost;
}

static void cost_of_events(struct fixture *fixture, const struct target *target, int program_fd,
		bool without_branches)
{
	unsigned int bare = cost_of_a_run(program_fd), traced;
	struct tracer *tracer = fixture_attach(fixture, target, without_branches);
	struct tracer_losses losses;
	uint64_t begin;
	size_t before = fixture->n_records;

	traced = cost_of_a_run(program_fd);
	tracer_losses(tracer, true, &losses);
	begin = now();
	drain(fixture);
	CHECK_EQ(fixture->n_records - before + losses.ring_full, 2 * RUNS);
	CHECK_EQ(losses.ring_full, 0);
	printf("%s: %u per event in the kernel (a run: %u bare, %u traced), %llu to drain and decode",
			without_branches ? "without branches" : "with branches", traced - bare, bare,
			traced, (unsigned long long)((now() - begin) / (2 * RUNS)));
	printf(without_branches ? "\n" : " (at most 1,000; bpflbr 1,482, bpfsnoop 2,213)\n");
	if (!without_branches)
		CHECK(traced - bare <= 1000);
	tracer_release(tracer);
}

static void cost_of_attaching(struct fixture *fixture, const struct target *target)
{
	for (int i = 1; i <= 3; i++) {
		uint64_t begin = now(), attached, detached;
		struct tracer *tracer = fixture_attach(fixture, target, false);

		attached = now();
		tracer_deactivate(tracer);
		tracer_release(tracer);
		detached = now();
		printf("attach %d: %.2f M, detach: %.2f M, waits included\n", i,
				(double)(attached - begin) / 1e6,
				(double)(detached - attached) / 1e6);
	}
}

static long memory(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void cost_of_kernel_functions(struct fixture *fixture)
{
	long before = memory();

	for (int i = 1; i <= 2; i++) {
		uint64_t begin = now();
		struct target target;

		fixture_function(fixture, "tcp_v4_rcv", TRACE_EXIT, &target);
		printf("look-up of a kernel function %d: %.2f M\n", i, (double)(now() - begin) / 1e6);
		cost_of_attaching(fixture, &target);
	}
	printf("memory for the kernel's BTF: %ld kB\n", memory() - before);
}

static void wasted_entries(struct fixture *fixture, const struct target *target, int program_fd)
{
	struct tracer *tracer = fixture_attach(fixture, target, false);
	const struct snapshot *snapshot;
	uint32_t wasted = 0;

	fixture->n_records = 0;
	finish_runs(start_runs(program_fd, 2, 0, -1));
	drain(fixture);
	CHECK_EQ(fixture->n_records, 2);
	snapshot = &fixture->records[1]; /* nothing happens for the first time any more */
	while (wasted < snapshot->n_branches && (snapshot->branches[wasted].from < target->start ||
			snapshot->branches[wasted].from >= target->end))
		wasted++;
	printf("%u of %u entries lie between the target's return and the snapshot (the kernel's own: "
	       "10 on 6.1, 8 on 6.12, more with return thunks)\n",
			wasted, snapshot->n_branches);
	tracer_release(tracer);
}

int main(void)
{
	struct fixture fixture;
	struct target target;
	int fd;

	fixture_init(&fixture, 8 << 20);
	fixture_target(&fixture, TARGET, NULL, TRACE_EXIT, &target);
	fixture_program(&fixture, TARGET, &fd);
	wasted_entries(&fixture, &target, fd);
	cost_of_events(&fixture, &target, fd, false);
	cost_of_events(&fixture, &target, fd, true);
	cost_of_attaching(&fixture, &target);
	cost_of_kernel_functions(&fixture);
	fixture_deinit(&fixture);
	return 0;
}
