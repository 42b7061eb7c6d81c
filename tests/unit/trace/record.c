/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the ring to a snapshot: whole records, and everything that is none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "daemon/trace/record.h"
#include "tests/unit/check.h"

#define ENTRY sizeof(struct perf_branch_entry)

static void make_record(struct lbrd_record *record, unsigned int n)
{
	memset(record, 0, sizeof(*record));
	record->timestamp = 123456789;
	record->return_value = -2;
	record->tracer = 3;
	record->cpu = 1;
	record->pid = 4711;
	record->tid = 4712;
	strcpy(record->comm, "ping");
	record->branch_bytes = (__s32)(n * ENTRY);
	for (unsigned int i = 0; i < n; i++)
		record->branches[i] = (struct perf_branch_entry){
			.from = 0xffffffff81000000 + i,
			.to = 0xffffffff82000000 + i,
			.mispred = i % 2,
			.predicted = !(i % 2),
			.cycles = 10 + i,
			.type = PERF_BR_CALL,
		};
}

static void whole_record(void)
{
	struct lbrd_record record;
	struct snapshot s;

	make_record(&record, 32);
	CHECK_EQ(record_decode(&record, LBRD_RECORD_HEADER_SIZE + 32 * ENTRY, &s), 0);
	CHECK_EQ(s.timestamp, 123456789);
	CHECK_EQ(s.return_value, -2);
	CHECK_EQ(s.tracer, 3);
	CHECK_EQ(s.cpu, 1);
	CHECK_EQ(s.pid, 4711);
	CHECK_EQ(s.tid, 4712);
	CHECK_STR(s.comm, "ping");
	CHECK_EQ(s.branch_error, 0);
	CHECK_EQ(s.n_branches, 32);
	for (unsigned int i = 0; i < 32; i++) {
		CHECK_EQ(s.branches[i].from, 0xffffffff81000000 + i);
		CHECK_EQ(s.branches[i].to, 0xffffffff82000000 + i);
		CHECK_EQ(s.branches[i].mispredicted, i % 2);
		CHECK_EQ(s.branches[i].predicted, !(i % 2));
		CHECK_EQ(s.branches[i].cycles, 10 + i);
		CHECK_EQ(s.branches[i].type, BRANCH_TYPE_CALL);
	}
}

/* In a heap block of just that length, so that the address sanitizer sees any byte too many. */
static int decode_exactly(const struct lbrd_record *record, size_t length, struct snapshot *ret)
{
	void *copy = malloc(length ? length : 1);
	int r;

	CHECK(copy);
	memcpy(copy, record, length);
	r = record_decode(copy, length, ret);
	free(copy);
	return r;
}

static void every_truncation(void)
{
	struct lbrd_record record;
	struct snapshot s;

	for (unsigned int n = 0; n <= LBRD_MAX_BRANCHES; n += 16) {
		size_t whole = LBRD_RECORD_HEADER_SIZE + n * ENTRY;

		make_record(&record, n);
		for (size_t length = 0; length < whole; length++)
			CHECK_EQ(decode_exactly(&record, length, &s), -EBADMSG);
		CHECK_EQ(decode_exactly(&record, whole, &s), 0);
		CHECK_EQ(s.n_branches, n);
	}
}

/* The tracer's records have room for the CPU's depth; what is valid may be less. */
static void room_to_spare(void)
{
	struct lbrd_record record;
	struct snapshot s;

	make_record(&record, 32);
	record.branch_bytes = 5 * ENTRY;
	CHECK_EQ(record_decode(&record, LBRD_RECORD_HEADER_SIZE + 32 * ENTRY, &s), 0);
	CHECK_EQ(s.n_branches, 5);
}

static void stale_tail(void)
{
	struct lbrd_record record;
	struct snapshot s;

	make_record(&record, 32);
	record.branches[7].from = record.branches[7].to = 0;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), 0);
	CHECK_EQ(s.n_branches, 7);
	/* Half an entry, as arm64's BRBE gives them, is none. */
	make_record(&record, 32);
	record.branches[7].from = 0;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), 0);
	CHECK_EQ(s.n_branches, 32);
}

static void errors_of_the_helper(void)
{
	struct lbrd_record record;
	struct snapshot s;

	make_record(&record, 4);
	record.branch_bytes = -ENOENT;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), 0);
	CHECK_EQ(s.branch_error, -ENOENT);
	CHECK_EQ(s.n_branches, 0);
	CHECK_EQ(record_decode(&record, LBRD_RECORD_HEADER_SIZE, &s), 0);
}

/* Others keep arrays by CPU. */
static void no_such_cpu(void)
{
	struct lbrd_record record;
	struct snapshot s;

	make_record(&record, 4);
	record.cpu = 8191;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), 0);
	record.cpu = 8192;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), -EBADMSG);
	record.cpu = UINT32_MAX;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), -EBADMSG);
}

static void not_whole_entries(void)
{
	struct lbrd_record record;
	struct snapshot s;

	make_record(&record, 4);
	for (int bytes = 1; bytes < 4 * (int)ENTRY; bytes++) {
		record.branch_bytes = bytes;
		CHECK_EQ(record_decode(&record, sizeof(record), &s), bytes % ENTRY ? -EBADMSG : 0);
	}
	record.branch_bytes = (LBRD_MAX_BRANCHES + 1) * ENTRY;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), -EBADMSG);
	record.branch_bytes = INT32_MAX;
	CHECK_EQ(record_decode(&record, sizeof(record), &s), -EBADMSG);
}

static void comm_without_end(void)
{
	struct lbrd_record record;
	struct snapshot s;

	make_record(&record, 0);
	memset(record.comm, 'x', sizeof(record.comm));
	CHECK_EQ(record_decode(&record, LBRD_RECORD_HEADER_SIZE, &s), 0);
	CHECK_STR(s.comm, "xxxxxxxxxxxxxxx");
}

/* A fixed sequence, so that a failure can be repeated. */
static void garbage(void)
{
	unsigned char bytes[sizeof(struct lbrd_record)] __attribute__((aligned(8)));
	struct snapshot s;
	unsigned int decoded = 0;

	srandom(1);
	for (int i = 0; i < 20000; i++) {
		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (unsigned char)random();
		if (i % 2) { /* else hardly any would come to its entries */
			((struct lbrd_record *)bytes)->cpu %= 16384;
			((struct lbrd_record *)bytes)->branch_bytes =
				(__s32)(random() % 70 * ENTRY);
		}
		if (!record_decode(bytes, (size_t)random() % (sizeof(bytes) + 1), &s)) {
			CHECK(s.n_branches <= SNAPSHOT_MAX_BRANCHES);
			CHECK(memchr(s.comm, 0, sizeof(s.comm)));
			decoded++;
		}
	}
	CHECK(decoded > 100);
}

int main(void)
{
	whole_record();
	every_truncation();
	room_to_spare();
	stale_tail();
	errors_of_the_helper();
	no_such_cpu();
	not_whole_entries();
	comm_without_end();
	garbage();
	return 0;
}
