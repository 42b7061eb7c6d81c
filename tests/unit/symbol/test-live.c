/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real BPF programs come and go under a live table of symbols. Needs the privilege to load them,
 * else it is skipped (77); what needs trampolines or a second CPU is left out where it cannot be.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/seccomp.h>

#include "daemon/symbol/symbols.h"
#include "tests/unit/check.h"
#include "tests/unit/symbol/bpf-load.h"

#define RELOADS 140
#define TRIES 50
/* However long the machine takes, the dead are still known, or are known no longer. */
#define LONG_GRACE 600000000000
#define NO_GRACE 1000000

/* Another run of this test may be under way: each has names of its own. */
static char long_name[64], other_name[64];

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&time, NULL);
}

/* Reads on what must be read anew; returns in how many parts. */
static unsigned int catch_up(struct symbols *symbols)
{
	unsigned int n = 0;

	for (; symbols_is_behind(symbols); n++)
		symbols_go_on(symbols);
	return n;
}

static struct symbols *make_symbols(uint64_t grace_ns)
{
	struct symbols_config config = {
		.kallsyms_path = "/proc/kallsyms",
		.max_locations = 4096,
		.grace_ns = grace_ns,
		.live = true,
	};
	struct symbols_description description;
	struct symbols *symbols;

	CHECK_EQ(symbols_new(&config, &symbols), 0);
	symbols_describe(symbols, &description);
	CHECK(!description.addresses_hidden);
	CHECK(!description.programs_hidden);
	CHECK(description.notified);
	return symbols;
}

/* Others may load so many programs meanwhile that reports are lost: then less is known. */
static bool has_lost(const struct symbols *symbols)
{
	struct symbols_description description;

	symbols_describe(symbols, &description);
	return description.lost_reports > 0;
}

static void check_program(struct symbols *symbols, const struct loaded *program, const char *name,
		uint64_t time)
{
	const struct location *location;
	char sub[128];

	snprintf(sub, sizeof(sub), "%s_sub", name);
	for (int i = 0; i < 2; i++) {
		uint64_t last = program->starts[i] + program->lengths[i] - 1;

		location = symbols_resolve(symbols, program->starts[i], time);
		CHECK_STR(location->symbol, i ? sub : name);
		CHECK_STR(location->module, "bpf");
		CHECK_EQ(location->kind, LOCATION_BPF_PROGRAM);
		CHECK_EQ(location->program_id, program->id);
		CHECK_EQ(location->offset, 0);
		location = symbols_resolve(symbols, last, time);
		CHECK_STR(location->symbol, i ? sub : name);
		CHECK_EQ(location->offset, program->lengths[i] - 1);
		location = symbols_resolve(symbols, last + 1, time);
		CHECK(!location->symbol || strcmp(location->symbol, i ? sub : name));
	}
}

static void check_lines(struct symbols *symbols, const struct loaded *program, uint64_t time)
{
	CHECK_EQ(program->n_lines, N_INSNS);
	for (uint32_t i = 0; i < program->n_lines; i++) {
		const struct location *location = symbols_resolve(symbols, program->lines[i], time);

		CHECK_STR(location->file, MADE_UP_FILE);
		CHECK_EQ(location->line, MADE_UP_LINE(i));
		CHECK_EQ(location->column, MADE_UP_COLUMN(i));
	}
}

static void try_loaded_before(void)
{
	struct symbols_description description;
	struct loaded program;
	struct symbols *symbols;

	CHECK_EQ(load_program(long_name, &program), 0);
	symbols = make_symbols(1000000000);
	check_program(symbols, &program, long_name, 0);
	check_lines(symbols, &program, 0);
	symbols_describe(symbols, &description);
	CHECK(description.programs >= 1);
	symbols_free(symbols);
	close(program.fd);
}

static void try_loaded_after(void)
{
	struct symbols *symbols = make_symbols(LONG_GRACE);
	struct loaded program;
	uint64_t before, alive;
	const struct location *location;

	before = now();
	CHECK_EQ(load_program(other_name, &program), 0);
	alive = now();
	symbols_refresh(symbols);
	check_program(symbols, &program, other_name, alive);
	check_lines(symbols, &program, alive);
	location = symbols_resolve(symbols, program.starts[0], before);
	CHECK(!location->symbol || strcmp(location->symbol, other_name));
	location = symbols_resolve(symbols, program.starts[0], alive);
	CHECK_STR(location->symbol, other_name);

	/* Its lines were read while it was there. */
	close(program.fd);
	sleep_ms(50);
	symbols_refresh(symbols);
	if (!has_lost(symbols)) {
		check_program(symbols, &program, other_name, alive);
		check_lines(symbols, &program, alive);
	}
	symbols_free(symbols);
}

static void try_grace(void)
{
	struct symbols *symbols = make_symbols(NO_GRACE);
	const struct location *location;
	struct loaded program;
	bool known = true;
	uint64_t alive;

	CHECK_EQ(load_program(long_name, &program), 0);
	alive = now();
	symbols_refresh(symbols);
	check_program(symbols, &program, long_name, alive);
	close(program.fd);
	/* The kernel frees it a while later. */
	for (unsigned int i = 0; known && i < 10 * TRIES; i++) {
		sleep_ms(20);
		symbols_refresh(symbols);
		location = symbols_resolve(symbols, program.starts[0], alive);
		known = location->symbol && !strcmp(location->symbol, long_name);
	}
	CHECK(!known);
	symbols_free(symbols);
}

static void stay_silent(void)
{
	struct symbols *symbols = make_symbols(1000000000);
	uint64_t address, end;

	CHECK_EQ(symbols_find(symbols, "tcp_v4_rcv", NULL, &address, &end), 0);
	symbols_resolve(symbols, address, 0);
	symbols_refresh(symbols); /* looks around, and then not for a second */
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), 0);
	/* From here on any system call but read, write and exit is death. */
	for (unsigned int i = 0; i < 1000; i++) {
		symbols_refresh(symbols);
		symbols_resolve(symbols, address, i);
	}
	syscall(SYS_exit, 0);
}

/*
 * As long as nothing happens, a refresh is done without the kernel. Others may load programs, or
 * leave us no CPU for a second, but not every time.
 */
static void try_silence(void)
{
	int status = -1;

	for (unsigned int i = 0; status != 0 && i < TRIES; i++) {
		pid_t child = fork();

		CHECK(child >= 0);
		if (child == 0)
			stay_silent();
		CHECK_EQ(waitpid(child, &status, 0), child);
	}
	CHECK_EQ(status, 0);
}

static void run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/*
 * The same memory under many names: each must be the one of its time, cached or not. Returns how
 * often it was the same.
 */
static unsigned int reload(void)
{
	static struct loaded programs[RELOADS];
	static uint64_t times[RELOADS];
	struct symbols *symbols = make_symbols(LONG_GRACE);
	unsigned int reused = 0;
	char name[64];

	for (unsigned int i = 0; i < RELOADS; i++) {
		/* The second half is looked at only when all is over: the rings tell the order. */
		bool looking = i < RELOADS / 2;

		run_on(looking ? i / 3 : i);
		snprintf(name, sizeof(name), "reloaded_%d_again_%u", getpid(), i);
		CHECK_EQ(load_program(name, &programs[i]), 0);
		times[i] = now();
		if (looking && i % 5 == 0)
			symbols_refresh(symbols);
		if (looking && i % 2)
			check_program(symbols, &programs[i], name, times[i]);
		if (looking && i % 7 == 0)
			check_program(symbols, &programs[i], name, 0);
		close(programs[i].fd);
		for (unsigned int j = 0; j < i; j++)
			reused += programs[j].starts[0] == programs[i].starts[0];
		if (!looking || i % 10 == 0)
			sleep_ms(15); /* the kernel frees the memory a while later */
	}
	symbols_refresh(symbols);
	fprintf(stderr, "%u reuses of an address\n", reused);
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < RELOADS; i++) {
			const struct location *location =
				symbols_resolve(symbols, programs[i].starts[0], times[i]);
			char bare[64];

			/* A program that was gone before we looked has its kernel name only. */
			snprintf(bare, sizeof(bare), "_reloaded_%d_again_%u", getpid(), i);
			if (!location->symbol && has_lost(symbols))
				continue; /* not known is right, another name never is */
			CHECK(location->symbol != NULL);
			CHECK(strlen(location->symbol) >= strlen(bare + 1));
			CHECK_STR(location->symbol + strlen(location->symbol) - strlen(bare + 1),
				  bare + 1);
		}
		symbols_refresh(symbols);
	}
	run_on(0);
	symbols_free(symbols);
	return reused;
}

/* On a busy machine the kernel may free the memory too late for what comes next. */
static void try_reuse(void)
{
	for (unsigned int i = 0; !reload(); i++)
		CHECK(i < TRIES);
}

/*
 * More reports than the rings hold, and at the end of it other code where `old` was, of which no
 * report tells: it is noticed, and the survivor has its name.
 */
static void try_lost_reports(void)
{
	struct symbols *symbols = make_symbols(LONG_GRACE);
	struct symbols_description description;
	struct loaded old, survivor = { .fd = -1 };
	uint64_t alive, later;

	run_on(0);
	CHECK_EQ(load_program("there_all_the_time", &old), 0);
	alive = now();
	symbols_refresh(symbols);
	check_program(symbols, &old, "there_all_the_time", 0);
	for (unsigned int i = 0;
	     i < 300 || (survivor.starts[0] != old.starts[0] && i < 2000); i++) {
		if (i == 250)
			close(old.fd); /* no room for this report any more */
		if (survivor.fd >= 0)
			close(survivor.fd);
		if (i % 50 == 49)
			sleep_ms(20);
		CHECK_EQ(load_program("survivor_of_the_storm", &survivor), 0);
	}
	symbols_refresh(symbols);
	/* The programs are right at once. */
	check_program(symbols, &survivor, "survivor_of_the_storm", now());
	CHECK(catch_up(symbols) > 10);
	later = now();
	symbols_describe(symbols, &description);
	CHECK(description.lost_reports > 0);
	check_program(symbols, &survivor, "survivor_of_the_storm", later);
	check_lines(symbols, &survivor, later);
	check_program(symbols, &old, "there_all_the_time", alive);
	close(survivor.fd);
	symbols_free(symbols);
}

/* The first bpf_trampoline in kallsyms, or 0. */
static uint64_t find_trampoline(char *name, size_t size)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[1024], found[512];
	uint64_t address, result = 0;

	CHECK(file != NULL);
	while (!result && fgets(line, sizeof(line), file))
		if (sscanf(line, "%" SCNx64 " %*c %511s", &address, found) == 2 &&
		    !strncmp(found, "bpf_trampoline_", 15) && strstr(line, "[bpf]")) {
			snprintf(name, size, "%s", found);
			result = address;
		}
	fclose(file);
	return result;
}

static uint32_t id_of(int fd)
{
	struct bpf_prog_info info;
	uint32_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	CHECK_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return info.id;
}

static uint64_t start_of(int fd)
{
	uint64_t start = 0;
	struct bpf_prog_info info;
	uint32_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	info.nr_jited_ksyms = 1;
	info.jited_ksyms = (uintptr_t)&start;
	CHECK_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return start;
}

static void try_trampoline(void)
{
	struct symbols *symbols = make_symbols(NO_GRACE), *late;
	struct loaded program;
	const struct location *location;
	int tracer = -1, link = -1, r;
	uint64_t address;
	char name[512], other[512];

	CHECK_EQ(load_program(long_name, &program), 0);
	r = load_tracer(&program, &tracer, &link);
	if (r < 0) {
		fprintf(stderr, "no trampolines here: %s\n", strerror(-r));
		goto out;
	}
	symbols_add_tracer(symbols, id_of(tracer));
	location = symbols_resolve(symbols, start_of(tracer), now());
	CHECK_EQ(location->kind, LOCATION_BPF_TRACER);
	CHECK_EQ(location->program_id, id_of(tracer));

	address = find_trampoline(name, sizeof(name));
	CHECK(address != 0);
	location = symbols_resolve(symbols, address + 0x30, now());
	CHECK_STR(location->symbol, name);
	CHECK_EQ(location->offset, 0x30);
	CHECK_EQ(location->kind, LOCATION_TRAMPOLINE);
	CHECK_STR(location->module, "bpf");
	check_program(symbols, &program, long_name, now());

	/* Who starts now learns of it from kallsyms. */
	late = make_symbols(NO_GRACE);
	location = symbols_resolve(late, address + 0x30, now());
	CHECK_STR(location->symbol, name);
	CHECK_EQ(location->kind, LOCATION_TRAMPOLINE);
	check_program(late, &program, long_name, now());
	symbols_free(late);

	close(link);
	close(tracer);
	link = tracer = -1;
	for (unsigned int i = 0;
	     i < 10 * TRIES && find_trampoline(other, sizeof(other)) == address; i++)
		sleep_ms(100); /* the kernel waits until no task can be in it */
	CHECK(find_trampoline(other, sizeof(other)) != address);
	symbols_refresh(symbols);
	sleep_ms(20);
	symbols_refresh(symbols);
	location = symbols_resolve(symbols, address + 0x30, now());
	CHECK(!location->symbol || strcmp(location->symbol, name));
out:
	close(link);
	close(tracer);
	close(program.fd);
	symbols_free(symbols);
}

static bool set_online(unsigned int cpu, const char *state)
{
	char path[128];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, state, 1) == 1;
	close(fd);
	return done;
}

/* A CPU that goes and comes back has lost its perf events. */
static void try_hotplug(void)
{
	struct symbols *symbols = make_symbols(1000000000);
	struct loaded program;
	int fds[64];
	size_t n = symbols_get_fds(symbols, fds, 64);

	symbols_refresh(symbols);
	if (n < 2 || !set_online(1, "0")) {
		fprintf(stderr, "no CPU to take away here\n");
	} else {
		CHECK(set_online(1, "1"));
		sleep_ms(1100);
		symbols_refresh(symbols);
		CHECK(catch_up(symbols) > 10);
		CHECK_EQ(symbols_get_fds(symbols, fds, 64), n);
		run_on(1);
		CHECK_EQ(load_program("from_the_second_cpu", &program), 0);
		run_on(0);
		check_program(symbols, &program, "from_the_second_cpu", now());
		close(program.fd);
	}
	symbols_free(symbols);
}

int main(int argc, char **argv)
{
	struct loaded program;
	int r = load_program("probe", &program);

	snprintf(long_name, sizeof(long_name), "a_name_longer_than_fifteen_%d", getpid());
	snprintf(other_name, sizeof(other_name), "another_long_name_%d", getpid());
	if (r == -EPERM || r == -EACCES || r == -ENOSYS) {
		fprintf(stderr, "cannot load programs here: %s\n", strerror(-r));
		return 77;
	}
	CHECK_EQ(r, 0);
	close(program.fd);
	if (!program.starts[0]) {
		fprintf(stderr, "no JIT, or its addresses are hidden\n");
		return 77;
	}
	try_loaded_before();
	try_loaded_after();
	try_grace();
	try_silence();
	try_reuse();
	try_lost_reports();
	try_trampoline();
	/* Only where nobody else needs that CPU. */
	if (argc > 1 && !strcmp(argv[1], "--hotplug"))
		try_hotplug();
	return 0;
}
