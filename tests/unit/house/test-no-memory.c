/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out: a client attaches, sees events in every view, asks for everything and
 * detaches, over and over, each time with the next allocation of lbrd failing. Whatever happens is
 * an answer that agrees with the interface, or the end of the connection; each event is delivered
 * or reported lost; and nothing stays behind. Leaks are found by the sanitizer, where there is one.
 *
 * usage: test-no-memory LIBRARY [STEP]
 * LIBRARY: fail-alloc, which it loads by running itself anew. STEP: how many allocations further on
 * the next one fails, 1 if not given.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/record.h"
#include "common/clock.h"
#include "common/macro.h"
#include "tests/doubles/caller.h"
#include "tests/doubles/house.h"
#include "tests/doubles/sample.h"
#include "tests/unit/check.h"

#define MAX_FAILURES 20000
#define N_RECORDS 3

static volatile int64_t *left; /* shared with fail-alloc.c */

static struct {
	size_t rounds, refused, ended;
} tally;

/* ---- the allocations that fail ---- */

static void run_anew(char **argv)
{
	char path[] = "/tmp/fail-alloc-XXXXXX", preload[4096];
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, sizeof(*left)), 0);
	setenv("FAIL_ALLOC", path, 1);
	snprintf(preload, sizeof(preload), "%s", argv[1]);
	setenv("LD_PRELOAD", preload, 1);
	/* The sanitizer wants to be the first; behind the library it does its work as well. */
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=1", 1);
	execv((const char *)getauxval(AT_EXECFN), argv); /* not what runs it, as valgrind does */
	CHECK(false);
}

static void open_counter(void)
{
	const char *path = getenv("FAIL_ALLOC");
	int fd = open(path, O_RDWR | O_CLOEXEC);

	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(left != MAP_FAILED);
	close(fd);
	unlink(path);
}

/* A turn in which so many more allocations succeed before one fails; returns how many are left. */
static int64_t turn_with(int64_t allocations)
{
	*left = allocations;
	house_turn();
	allocations = *left;
	*left = 0;
	return allocations;
}

/* ---- what is done meanwhile ---- */

static void write_record(unsigned int i)
{
	struct lbrd_record record = {
		.timestamp = clock_ns(CLOCK_MONOTONIC),
		.tracer = house_last_tracer(),
		.comm = "test",
		.branch_bytes = 4 * sizeof(record.branches[0]),
		.branches = {
			{.from = SAMPLE_MAIN + 0x33, .to = 0xffffffff81001005},
			{.from = SAMPLE_SUB + 3, .to = SAMPLE_MAIN + 0x24},
			{.from = SAMPLE_MAIN + 0x1f, .to = SAMPLE_SUB},
			/* Another one each time, so that there is always something to name. */
			{.from = 0xffffffff81002000 + i, .to = SAMPLE_MAIN},
		},
	};

	kernel_record(&record, LBRD_RECORD_HEADER_SIZE + 4 * sizeof(record.branches[0]));
}

static const struct {
	const char *method;
	const char *parameters;
} calls[] = {
	{"Programs", "{}"},
	{"Describe", "{}"},
	{"Attach", "{\"targets\":[{\"programId\":7},{\"programName\":\"nosuch\"}],\"partial\":true,"
		"\"persistent\":true}"},
	{"List", "{}"},
	{"Dump", "{\"target\":{\"programId\":7}}"},
	{"Dump", "{\"target\":{\"programName\":\"filter\"},\"xlated\":true}"},
	{"Attach", "{\"targets\":[]}"},
};

static const char *const views[] = {"branches", "source", "instructions"};

static int64_t ask(struct caller *caller, const char *method, bool more, const char *parameters,
		int64_t allocations)
{
	const struct interface_member *member =
		interface_find(caller_interface(), INTERFACE_METHOD, method);

	if (caller->ended || !caller_send(caller, member, more, false, parameters,
			strlen(parameters)))
		return allocations;
	allocations = turn_with(allocations);
	caller_read(caller);
	CHECK(caller->ended || more || caller->n_answered == caller->n_calls);
	return allocations;
}

static void end(struct caller *caller)
{
	tally.refused += caller->n_refused;
	tally.ended += caller->ended;
	caller_deinit(caller);
}

static int64_t ask_everything(int64_t allocations)
{
	struct caller caller;

	caller_init(&caller, 0);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		allocations = ask(&caller, calls[i].method, false, calls[i].parameters,
				allocations);
	end(&caller);
	return turn_with(allocations);
}

static int64_t observe(const char *view, int64_t allocations)
{
	static unsigned int n_records;
	struct caller caller;
	char parameters[128];
	bool attached;

	snprintf(parameters, sizeof(parameters), "{\"targets\":[{\"programId\":7}],\"view\":\"%s\"}",
			view);
	caller_init(&caller, 0);
	allocations = ask(&caller, "Attach", true, parameters, allocations);
	attached = !caller.ended && !caller.n_refused;
	for (unsigned int i = 0; i < N_RECORDS && attached; i++) {
		write_record(n_records++ % 4096);
		allocations = turn_with(allocations);
		caller_read(&caller);
	}
	/* What was lost is told before the end at the latest. */
	house_clear();
	caller_read(&caller);
	if (attached && !caller.ended)
		CHECK_EQ(caller.n_events + caller.n_lost, N_RECORDS);
	end(&caller);
	return turn_with(allocations);
}

/* How many descriptors this process has. */
static unsigned int count_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* Returns how many of the allocations that might have been made were not: 0, one has failed. */
static int64_t round_with(int64_t allocations)
{
	allocations = ask_everything(allocations);
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		allocations = observe(views[i], allocations);
	house_clear();
	return allocations;
}

int main(int argc, char **argv)
{
	unsigned int n_files;
	int64_t n = 1, step;

	CHECK(argc == 2 || argc == 3);
	step = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
	CHECK(step > 0);
	if (!getenv("FAIL_ALLOC"))
		run_anew(argv);
	open_counter();
	house_open();
	round_with(0);
	n_files = count_files();
	for (; round_with(n) == 0; n += step) {
		CHECK(n < MAX_FAILURES);
		CHECK_EQ(count_files(), n_files);
		tally.rounds++;
	}
	house_close();
	printf("%zu allocations failed: %zu calls refused, %zu connections ended\n", tally.rounds,
			tally.refused, tally.ended);
	/* A library that does not work proves nothing. */
	CHECK(n > 500);
	return 0;
}
