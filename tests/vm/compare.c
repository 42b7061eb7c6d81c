// SPDX-License-Identifier: Apache-2.0
/*
 * Compare the branch records of a run with the trace of every instruction that it executed.
 *
 * The trace knows no branches: it is a list of addresses and sizes. Wherever an instruction is
 * not followed by the one behind it, exactly one record must say so, in the same order, and there
 * must be no other record. Interrupts and faults are the one case in which the trace shows less
 * than the records: it goes from an instruction to the handler, the records name the interrupted
 * instruction in between. That one must be the instruction itself (a fault), the one behind it,
 * or, if a record leads there, the target of a branch; and the iret that ends the handler must
 * return there.
 *
 * Snapshots, as they were handed to the guest, must be the last records, newest first.
 *
 * With KINDS the instructions recorded as branches are listed in this file, one per line: kind,
 * address, bytes; for a disassembler to judge. Code that was patched has several lines.
 *
 * usage: compare TRACE-PREFIX LOG-PREFIX CPUS [KINDS]; prints a summary, exits 1 on a difference.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin-log.h"

#define KERNEL(address) ((address) >> 63)

struct words {
	const uint64_t *at, *end;
};

struct row {
	uint64_t kind, from, to;
};

static struct {
	uint64_t instructions, branches, interrupts, faults, after_branch, irets, from_user,
		 repeated, to_next, snapshots, snapshot_rows, windows, differences;
} sum;

/* Where handlers have to return to in the kernel; both lists over all CPUs: tasks migrate. */
struct list {
	uint64_t *items;
	size_t n, room;
};
static struct list interrupted, returned;

static void list_add(struct list *list, uint64_t item)
{
	if (list->n == list->room) {
		list->room = list->room * 2 + 1024;
		list->items = realloc(list->items, list->room * sizeof(item));
		if (!list->items)
			abort();
	}
	list->items[list->n++] = item;
}

static struct words map(const char *prefix, int cpu)
{
	struct words words = { 0 };
	char path[4096];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s.%d", prefix, cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		exit(1);
	}
	if (st.st_size) {
		words.at = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		words.end = words.at + st.st_size / sizeof(uint64_t);
	}
	close(fd);
	return words;
}

static uint64_t address(uint64_t word)
{
	return (uint64_t)((int64_t)(word << 8) >> 8);
}

static unsigned int size(uint64_t word)
{
	return word >> 56;
}

static bool is_mark(uint64_t word)
{
	return word == LOG_ENABLE || word == LOG_DISABLE;
}

static void differ(int cpu, const char *what, uint64_t from, uint64_t to, const struct row *row)
{
	if (sum.differences++ >= 20)
		return;
	printf("cpu %d: %s: executed %#lx, then %#lx", cpu, what, from, to);
	if (row)
		printf("; recorded %#lx -> %#lx of kind %lu", row->from, row->to, row->kind);
	printf("\n");
}

/* The last rows of a window, for the snapshots. */
struct recent {
	struct row rows[LBR_MAX_DEPTH];
	uint64_t n;
};

static void check_snapshot(int cpu, struct words *log, const struct recent *recent)
{
	uint64_t nr = log->at[1];

	log->at += 2;
	sum.snapshots++;
	for (uint64_t i = 0; i < nr; i++, log->at += 2) {
		const struct row *row = &recent->rows[(recent->n - 1 - i) % LBR_MAX_DEPTH];

		sum.snapshot_rows++;
		if (i >= recent->n || row->from != log->at[0] || row->to != log->at[1])
			differ(cpu, "a snapshot's row", log->at[0], log->at[1], row);
	}
}

/* Pass the snapshots that lie before the next row. */
static const struct row *peek(int cpu, struct words *log, const struct recent *recent)
{
	while (log->at < log->end && *log->at == LOG_SNAPSHOT)
		check_snapshot(cpu, log, recent);
	if (log->at >= log->end || is_mark(*log->at))
		return NULL;
	return (const struct row *)log->at;
}

/* The kinds recorded at each kernel address, for list_kinds(). */
static struct list sources[LBR_INT + 1];

static void consume(struct words *log, struct recent *recent)
{
	const struct row *row = (const struct row *)log->at;

	if (KERNEL(row->from) && row->kind <= LBR_INT && row->kind != LBR_IRQ)
		list_add(&sources[row->kind], row->from);
	recent->rows[recent->n++ % LBR_MAX_DEPTH] = *(const struct row *)log->at;
	log->at += 3;
	sum.branches++;
}

static bool is_row(const struct row *row, uint64_t from, uint64_t to)
{
	return row && row->from == from && row->to == to;
}

/* Execution came from a (its successor in memory is next) to the handler at b. */
static bool interrupt(int cpu, struct words *log, struct recent *recent, uint64_t a, uint64_t next,
		      uint64_t b)
{
	const struct row *row = peek(cpu, log, recent);
	const struct row *second = row && row + 1 < (const struct row *)log->end ? row + 1 : NULL;
	uint64_t rip;

	if (row && row->kind == LBR_IRQ && row->to == b) {
		rip = row->from;
		/* Where a branch to the user led is not recorded. */
		if (KERNEL(rip) && rip != a && rip != next)
			return false;
		sum.faults += rip == a;
	} else if (row && row->from == a && KERNEL(row->to) && second && second->kind == LBR_IRQ &&
		   second->from == row->to && second->to == b) {
		rip = row->to;
		sum.after_branch++;
		if (row->kind == LBR_IRET)
			list_add(&returned, rip);	/* from one handler into the next */
		consume(log, recent);
	} else {
		return false;
	}
	consume(log, recent);
	sum.interrupts++;
	if (KERNEL(rip))
		list_add(&interrupted, rip);
	return true;
}

static void step(int cpu, struct words *log, struct recent *recent, uint64_t a, uint64_t next,
		 uint64_t b)
{
	const struct row *row = peek(cpu, log, recent);

	if (is_row(row, a, b) && row->kind != LBR_IRQ) {
		if (b == next && row->kind == LBR_COND)
			differ(cpu, "a branch not taken is recorded", a, b, row);
		sum.to_next += b == next;
		sum.from_user += !KERNEL(a);
		if (row->kind == LBR_IRET) {
			sum.irets++;
			list_add(&returned, b);
		} else if (row->kind == LBR_INT) {
			list_add(&interrupted, next);
		}
		consume(log, recent);
	} else if (b == next || !KERNEL(b)) {
		return;
	} else if (b == a) {
		sum.repeated++;	/* rep, or QEMU restarts the instruction */
	} else if (!interrupt(cpu, log, recent, a, next, b)) {
		differ(cpu, "no such record", a, b, row);
		/* A wrong record takes the place of the right one; after any other, look for it. */
		for (int i = 0; i < 8 && (row = peek(cpu, log, recent)); i++) {
			bool found = row->from == a || row->to == b;

			consume(log, recent);
			if (found)
				break;
		}
	}
}

static void compare_window(int cpu, struct words *trace, struct words *log)
{
	struct recent recent = { 0 };
	const struct row *row;

	sum.windows++;
	trace->at++;
	log->at++;
	for (; trace->at < trace->end && !is_mark(*trace->at); trace->at++) {
		uint64_t a = address(trace->at[0]);

		sum.instructions++;
		if (trace->at + 1 < trace->end && !is_mark(trace->at[1]))
			step(cpu, log, &recent, a, a + size(trace->at[0]), address(trace->at[1]));
	}
	while ((row = peek(cpu, log, &recent))) {
		differ(cpu, "a record too many", 0, 0, row);
		consume(log, &recent);
	}
	if (trace->at < trace->end && *trace->at == LOG_DISABLE)
		trace->at++;
	if (log->at < log->end && *log->at == LOG_DISABLE)
		log->at++;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Each iret's destination was interrupted before, but for those from before the window. */
static void compare_returns(void)
{
	size_t i = 0, unknown = 0, open = 0;

	qsort(interrupted.items, interrupted.n, sizeof(uint64_t), by_value);
	qsort(returned.items, returned.n, sizeof(uint64_t), by_value);
	for (size_t k = 0; k < returned.n; k++) {
		for (; i < interrupted.n && interrupted.items[i] < returned.items[k]; i++)
			open++;
		if (i < interrupted.n && interrupted.items[i] == returned.items[k])
			i++;
		else
			unknown++;
	}
	open += interrupted.n - i;
	printf("%zu interrupted instructions in the kernel, %zu returned to; %zu handlers did not "
	       "return, %zu returned elsewhere\n", interrupted.n, returned.n, open, unknown);
	/* A window begins and ends inside an interrupt where the CPU was asked by another one. */
	if (unknown > sum.windows || open > sum.windows) {
		printf("more than the %lu windows' ends explain\n", sum.windows);
		sum.differences += unknown + open;
	}
}

/* The code file gives, per translated instruction, its word and bytes. */
static void list_kinds(const char *prefix, const char *path)
{
	char name[4096];
	uint64_t record[3];
	FILE *code, *out = fopen(path, "we");

	snprintf(name, sizeof(name), "%s.code", prefix);
	code = fopen(name, "re");
	if (!code || !out) {
		perror(code ? path : name);
		exit(1);
	}
	for (int kind = 0; kind <= LBR_INT; kind++)
		qsort(sources[kind].items, sources[kind].n, sizeof(uint64_t), by_value);
	while (fread(record, sizeof(record), 1, code)) {
		uint64_t at = address(record[0]);

		for (int kind = 0; kind <= LBR_INT; kind++) {
			if (!sources[kind].n || !bsearch(&at, sources[kind].items, sources[kind].n,
							 sizeof(at), by_value))
				continue;
			fprintf(out, "%d %#lx", kind, at);
			for (unsigned int i = 0; i < size(record[0]); i++)
				fprintf(out, " 0x%02x", ((uint8_t *)&record[1])[i]);
			fprintf(out, "\n");
		}
	}
	fclose(code);
	fclose(out);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: compare TRACE LOG CPUS [KINDS]\n");
		return 2;
	}
	for (int cpu = 0; cpu < atoi(argv[3]); cpu++) {
		struct words trace = map(argv[1], cpu), log = map(argv[2], cpu);
		uint64_t before = sum.branches;

		while (trace.at < trace.end && log.at < log.end && *trace.at == LOG_ENABLE &&
		       *log.at == LOG_ENABLE)
			compare_window(cpu, &trace, &log);
		if (trace.at < trace.end || log.at < log.end) {
			printf("cpu %d: the windows of trace and log differ\n", cpu);
			sum.differences++;
		}
		printf("cpu %d: %lu branches\n", cpu, sum.branches - before);
	}
	compare_returns();
	if (argc > 4)
		list_kinds(argv[1], argv[4]);
	printf("%lu instructions, %lu branches in %lu windows\n", sum.instructions, sum.branches,
	       sum.windows);
	printf("%lu interrupts and faults, %lu of them faults, %lu right after a branch; "
	       "%lu irets\n", sum.interrupts, sum.faults, sum.after_branch, sum.irets);
	printf("%lu system calls, %lu branches to the next instruction, %lu restarts\n",
	       sum.from_user, sum.to_next, sum.repeated);
	printf("%lu snapshots with %lu rows\n", sum.snapshots, sum.snapshot_rows);
	printf("%lu differences\n", sum.differences);
	return sum.differences != 0;
}
