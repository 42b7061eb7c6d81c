// SPDX-License-Identifier: Apache-2.0
/* See fixture.h. */
#include "tests/guest/trace/fixture.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/trace/record.h"

#define RING_BYTES (4 << 20)

static void on_record(const void *data, size_t length, void *userdata)
{
	struct fixture *fixture = userdata;
	struct snapshot snapshot;

	if (record_decode(data, length, &snapshot) ||
	    (fixture->accept && !fixture->accept(&snapshot)))
		fixture->n_bad++;
	else if (fixture->n_records < RECORDS_KEPT)
		fixture->records[fixture->n_records] = snapshot;
	fixture->n_records++;
}

void fixture_init(struct fixture *fixture, size_t ring_bytes)
{
	const struct trace_config config = {
		.ring_bytes = ring_bytes ? ring_bytes : RING_BYTES,
		.record = on_record,
		.userdata = fixture,
	};

	*fixture = (struct fixture){};
	fixture->object = bpf_object__open_file(TARGET_OBJECT, NULL);
	CHECK(fixture->object);
	CHECK_EQ(bpf_object__load(fixture->object), 0);
	CHECK_EQ(trace_new(&config, &fixture->trace), 0);
	CHECK_EQ(targets_new(&fixture->targets), 0);
	CHECK_EQ(lbr_new(NULL, &fixture->lbr), 0);
	CHECK_EQ(lbr_acquire(fixture->lbr), 0);
}

void fixture_deinit(struct fixture *fixture)
{
	lbr_release(fixture->lbr);
	lbr_free(fixture->lbr);
	targets_free(fixture->targets);
	trace_free(fixture->trace);
	bpf_object__close(fixture->object);
}

uint32_t fixture_program(const struct fixture *fixture, const char *name, int *ret_fd)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	struct bpf_program *program = bpf_object__find_program_by_name(fixture->object, name);

	CHECK(program);
	CHECK_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size), 0);
	if (ret_fd)
		*ret_fd = bpf_program__fd(program);
	return info.id;
}

static void resolve_one(struct fixture *fixture, const struct target_selector *selector,
		enum trace_mode mode, struct target *ret)
{
	struct target_list list = {};

	CHECK_EQ(targets_resolve(fixture->targets, selector, mode, &list), 0);
	if (list.n_failures)
		fprintf(stderr, "%s\n", list.failures[0].message);
	CHECK_EQ(list.n_failures, 0);
	CHECK_EQ(list.n_targets, 1);
	*ret = list.targets[0];
	target_list_deinit(&list);
}

void fixture_target(struct fixture *fixture, const char *program, const char *function,
		enum trace_mode mode, struct target *ret)
{
	const struct target_selector selector = {
		.by = SELECT_PROGRAM_ID,
		.id = fixture_program(fixture, program, NULL),
		.function = function,
	};

	resolve_one(fixture, &selector, mode, ret);
}

void fixture_function(struct fixture *fixture, const char *function, enum trace_mode mode,
		struct target *ret)
{
	const struct target_selector selector = {
		.by = SELECT_KERNEL_FUNCTION,
		.text = function,
	};

	resolve_one(fixture, &selector, mode, ret);
}

void fixture_failure(struct fixture *fixture, const struct target_selector *selector,
		enum trace_mode mode, struct target_failure *ret)
{
	struct target_list list = {};

	CHECK_EQ(targets_resolve(fixture->targets, selector, mode, &list), 0);
	CHECK_EQ(list.n_targets, 0);
	CHECK_EQ(list.n_failures, 1);
	*ret = list.failures[0];
	CHECK(ret->message[0] && ret->hint[0]);
	target_list_deinit(&list);
}

struct tracer *fixture_attach(struct fixture *fixture, const struct target *target,
		bool without_branches)
{
	struct tracer *tracer = NULL;
	char detail[512] = "";
	int r;

	r = tracer_acquire(fixture->trace, target, without_branches, detail, sizeof(detail),
			&tracer);
	if (r)
		fprintf(stderr, "acquire: %s\n", detail);
	CHECK_EQ(r, 0);
	r = tracer_activate(tracer, detail, sizeof(detail));
	if (r)
		fprintf(stderr, "activate: %s\n", detail);
	CHECK_EQ(r, 0);
	return tracer;
}

uint32_t expected_return(uint8_t first)
{
	return first + 3 * PACKET_BYTES;
}

static int run(int program_fd, unsigned int n, uint8_t first, int cpu)
{
	uint8_t packet[PACKET_BYTES] = { first };
	LIBBPF_OPTS(bpf_test_run_opts, options,
		.data_in = packet,
		.data_size_in = sizeof(packet),
		.repeat = (int)n);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu < 0 ? 0 : (size_t)cpu, &cpus);
	if (cpu >= 0 && sched_setaffinity(0, sizeof(cpus), &cpus))
		return 1;
	return bpf_prog_test_run_opts(program_fd, &options) ? 2 : 0;
}

pid_t start_runs(int program_fd, unsigned int n, uint8_t first, int cpu)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid)
		_exit(run(program_fd, n, first, cpu));
	return pid;
}

void finish_runs(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

void drain(struct fixture *fixture)
{
	while (trace_drain(fixture->trace, 128))
		trace_release(fixture->trace);
}

unsigned int count_tracers(void)
{
	uint32_t id = 0;
	unsigned int n = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && !strncmp(info.name, "lbrd_", 5))
			n++;
		close(fd);
	}
	return n;
}

void wait_for_no_tracers(void)
{
	for (int i = 0; i < 10000 && count_tracers(); i++)
		usleep(10000);
	CHECK_EQ(count_tracers(), 0);
}
