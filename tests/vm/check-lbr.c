// SPDX-License-Identifier: Apache-2.0
/*
 * What a program may expect of the emulated last branch records, asked through the kernel's own
 * interfaces: perf_event_open() and bpf_get_branch_snapshot(). Prints TAP; exits 1 on a failure.
 *
 * usage: check-lbr DEPTH [QUIRK|no-lbr]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "snapshot.h"

static unsigned int tests, failures;

static void __attribute__((format(printf, 2, 3))) ok(bool good, const char *format, ...)
{
	va_list args;

	printf("%sok %u - ", good ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	failures += !good;
}

static void refused(uint64_t branches, uint64_t period, int error, const char *what)
{
	int fd = event_open(branches, period, 0);

	ok(fd == -error, "%s is refused with %s (%s)", what, strerror(error),
	   fd < 0 ? strerror(-fd) : "accepted");
	if (fd >= 0)
		close(fd);
}

/* All branches taken: each one starts where the older one led to, or a little behind. */
static bool chained(int n)
{
	for (int i = 0; i + 1 < n; i++) {
		uint64_t entered = snap->rows[i + 1].to, left = snap->rows[i].from;

		if (left < entered || left - entered > 4096) {
			printf("# row %d enters %#lx, row %d leaves %#lx\n", i + 1, entered, i,
			       left);
			return false;
		}
	}
	return n > 0;
}

static unsigned int types_seen(int n)
{
	unsigned int seen = 0;

	for (int i = 0; i < n; i++)
		seen |= 1u << snap->rows[i].type;
	return seen;
}

static void filter(uint64_t branches, unsigned int allowed, unsigned int expected, const char *name)
{
	int fd = event_open(branches | KERNEL, 0, 0), n;

	/* Some system calls' worth of branches of each kind. */
	for (int i = 0; i < 20; i++)
		close(open("/dev/null", O_RDONLY));
	n = snapshot(0);
	/* None expected: where retpolines stand for indirect branches there are no such rows. */
	ok(fd >= 0 && (n > 0 || !expected) && !(types_seen(n) & ~allowed) &&
	   (types_seen(n) & expected) == expected,
	   "filter %s: %d rows of types %#x, of %#x", name, n, types_seen(n), allowed);
	if (fd >= 0)
		close(fd);
}

static void check_filters(void)
{
	enum { COND = 1 << PERF_BR_COND, JMP = 1 << PERF_BR_UNCOND, IND = 1 << PERF_BR_IND,
	       CALL = 1 << PERF_BR_CALL, IND_CALL = 1 << PERF_BR_IND_CALL, RET = 1 << PERF_BR_RET,
	       SYSCALL = 1 << PERF_BR_SYSCALL, IRQ = 1 << 12, IRET = 1 << 11, INT = 1,
	       CALLS = CALL | IND_CALL | SYSCALL | IRQ | INT };

	filter(ANY, ~0u, CALL | RET, "any");
	filter(PERF_SAMPLE_BRANCH_ANY_CALL, CALLS, CALL, "any_call");
	filter(PERF_SAMPLE_BRANCH_ANY_RETURN, RET | IRET, RET, "any_return");
	filter(PERF_SAMPLE_BRANCH_COND, COND, COND, "cond");
	filter(PERF_SAMPLE_BRANCH_CALL, CALL, CALL, "call");
	filter(PERF_SAMPLE_BRANCH_COND | PERF_SAMPLE_BRANCH_CALL, COND | CALL, COND | CALL,
	       "cond and call");
	filter(PERF_SAMPLE_BRANCH_IND_CALL, IND_CALL, 0, "ind_call");
	filter(PERF_SAMPLE_BRANCH_IND_JUMP, IND, 0, "ind_jump");
	filter(ANY | PERF_SAMPLE_BRANCH_NO_FLAGS | PERF_SAMPLE_BRANCH_NO_CYCLES |
	       PERF_SAMPLE_BRANCH_TYPE_SAVE | PERF_SAMPLE_BRANCH_HW_INDEX, ~0u, CALL | RET,
	       "any, with the modifiers");
	refused(KERNEL | PERF_SAMPLE_BRANCH_CALL_STACK, 0, EOPNOTSUPP, "call_stack");
	refused(KERNEL | PERF_SAMPLE_BRANCH_IN_TX, 0, EOPNOTSUPP, "in_tx");
}

static void check_addresses(int n)
{
	int bad = 0, predicted = 0;

	for (int i = 0; i < n; i++) {
		bad += !(snap->rows[i].to >> 63);
		predicted += snap->rows[i].predicted != snap->rows[i].mispred;
	}
	ok(!bad, "every row ends in the kernel");
	ok(predicted == n, "every row is either predicted or mispredicted");
}

static void check_cpu(int cpu, int depth)
{
	int fd, n;

	n = snapshot(cpu);
	ok(n == -ENOENT, "cpu %d without an event: no entries (%d)", cpu, n);
	fd = event_open(ANY | KERNEL, 0, cpu);
	ok(fd >= 0, "cpu %d: counting mode opens (%d)", cpu, fd);
	n = snapshot(cpu);
	ok(n == depth, "cpu %d with an event: %d of %d entries", cpu, n, depth);
	ok(chained(n), "cpu %d: each row follows the one before", cpu);
	check_addresses(n);
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	n = snapshot(cpu);
	ok(n == -ENOENT, "cpu %d with a disabled event: no entries (%d)", cpu, n);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	n = snapshot(cpu);
	ok(n > 0, "cpu %d enabled again: entries (%d)", cpu, n);
	close(fd);
	n = snapshot(cpu);
	ok(n == -ENOENT, "cpu %d after closing: no entries (%d)", cpu, n);
	fd = event_open(ANY | KERNEL, 1ull << 40, cpu);
	n = snapshot(cpu);
	ok(fd >= 0 && n > 0, "cpu %d: sampling mode opens and records (%d)", cpu, n);
	close(fd);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ok(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s > %s", text,
	   path);
	close(fd);
}

static void check_hotplug(int depth)
{
	const char *path = "/sys/devices/system/cpu/cpu1/online";
	int fd = event_open(ANY | KERNEL, 0, 1), n;

	write_file(path, "0");
	n = event_open(ANY | KERNEL, 0, 1);
	ok(n == -ENODEV, "an offline cpu: no such device (%d)", n);
	write_file(path, "1");
	close(fd);
	n = snapshot(1);
	ok(n == -ENOENT, "cpu 1 came back without an event (%d)", n);
	check_cpu(1, depth);
}

static void check_quirk(const char *quirk)
{
	int fd, n, first;

	if (!strcmp(quirk, "no-lbr")) {
		refused(ANY | KERNEL, 0, ENOENT, "a branch event without a PMU");
	} else if (!strcmp(quirk, "no-branches")) {
		refused(ANY | KERNEL, 0, EOPNOTSUPP, "a branch event on a PMU without LBR");
	} else if (!strcmp(quirk, "counting-einval")) {
		refused(ANY | KERNEL, 0, EINVAL, "counting mode");
		fd = event_open(ANY | KERNEL, 1ull << 40, 0);
		n = snapshot(0);
		ok(fd >= 0 && n > 0, "sampling mode records (%d)", n);
		return;
	} else if (!strcmp(quirk, "counting-empty")) {
		fd = event_open(ANY | KERNEL, 0, 0);
		n = snapshot(0);
		ok(fd >= 0 && n == -ENOENT, "counting mode opens and is empty (%d)", n);
		close(fd);
		fd = event_open(ANY | KERNEL, 1ull << 40, 0);
		n = snapshot(0);
		ok(fd >= 0 && n > 0, "sampling mode records (%d)", n);
		return;
	} else if (!strcmp(quirk, "stale")) {
		struct perf_branch_entry rows[ROWS];

		fd = event_open(ANY | KERNEL, 0, 0);
		first = snapshot(0);
		memcpy(rows, snap->rows, sizeof(rows));
		close(fd);
		n = snapshot(0);
		ok(n == first && !memcmp(rows, snap->rows, sizeof(rows)),
		   "without an event the last reading is repeated (%d, %d)", first, n);
		return;
	} else if (!strcmp(quirk, "untyped")) {
		fd = event_open(ANY | KERNEL, 0, 0);
		n = snapshot(0);
		ok(fd >= 0 && n > 0 && types_seen(n) == 1, "rows without a type (%d)", n);
		return;
	}
	n = snapshot(0);
	ok(n == -ENOENT, "the helper has no entries (%d)", n);
}

int main(int argc, char **argv)
{
	int depth = argc > 1 ? atoi(argv[1]) : 32, caps = 0;
	FILE *f = fopen("/sys/bus/event_source/devices/cpu/caps/branches", "re");

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (load_program() < 0) {
		printf("Bail out! cannot load a BPF program: %s\n", strerror(errno));
		return 1;
	}
	if (f && fscanf(f, "%d", &caps) != 1)
		caps = -1;
	if (argc > 2 && argv[2][0]) {
		check_quirk(argv[2]);
	} else {
		ok(caps == depth, "caps/branches is %d", caps);
		for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++)
			check_cpu(cpu, depth);
		check_filters();
		if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
			check_hotplug(depth);
	}
	printf("1..%u\n", tests);
	return failures != 0;
}
