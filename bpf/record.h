/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The one record that a tracer writes into the ring buffer, as both sides see it. */
#pragma once

#include <linux/perf_event.h>
#include <linux/types.h>

/*
 * A tracer may outlive the daemon that loaded it. The next one can take it over only if both mean
 * the same by this file and pool.h: another layout, or another meaning, is another number.
 */
#ifndef LBRD_TRACER_ABI /* tests build an lbrd of another one */
#define LBRD_TRACER_ABI 1
#endif

/*
 * The deepest branch stack of any CPU: 64 entries, Intel's architectural LBR being 8 to 64
 * (SDM volume 3, "Architectural LBRs").
 */
#define LBRD_MAX_BRANCHES 64
#define LBRD_COMM_LENGTH 16

/*
 * The record ends behind as many entries as the CPU's branch stack is deep, or behind none when
 * the tracer takes no snapshot. What is there beyond the valid entries is not defined.
 * branch_bytes is what bpf_get_branch_snapshot returned: the number of bytes of valid entries
 * (a multiple of sizeof(struct perf_branch_entry)), or a negative errno, in which case the record
 * holds no entry.
 */
struct lbrd_record {
	__u64 timestamp; /* nanoseconds, bpf_ktime_get_ns(): CLOCK_MONOTONIC */
	__s64 return_value; /* the raw return register at exit; 0 at entry */
	__u32 tracer; /* the number that the daemon gave the tracer */
	__u32 cpu;
	__u32 pid; /* thread group id, in the initial pid namespace */
	__u32 tid;
	char comm[LBRD_COMM_LENGTH];
	__s32 branch_bytes;
	__u32 reserved;
	struct perf_branch_entry branches[LBRD_MAX_BRANCHES]; /* newest first */
};

#define LBRD_RECORD_HEADER_SIZE __builtin_offsetof(struct lbrd_record, branches)
