/* SPDX-License-Identifier: Apache-2.0 */
/* One captured event, decoded: who, when, where, and the branches that led there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_MAX_BRANCHES 64

/* The kinds of branch that the kernel tells apart: PERF_BR_* of linux/perf_event.h, same values. */
enum branch_type {
	BRANCH_TYPE_UNKNOWN = 0,
	BRANCH_TYPE_CONDITIONAL = 1,
	BRANCH_TYPE_JUMP = 2,
	BRANCH_TYPE_INDIRECT_JUMP = 3,
	BRANCH_TYPE_CALL = 4,
	BRANCH_TYPE_INDIRECT_CALL = 5,
	BRANCH_TYPE_RETURN = 6,
	BRANCH_TYPE_SYSTEM_CALL = 7,
	BRANCH_TYPE_SYSTEM_RETURN = 8,
	BRANCH_TYPE_CONDITIONAL_CALL = 9,
	BRANCH_TYPE_CONDITIONAL_RETURN = 10,
	BRANCH_TYPE_EXCEPTION_RETURN = 11,
	BRANCH_TYPE_INTERRUPT = 12,
};

struct branch {
	uint64_t from; /* address of the branch instruction */
	uint64_t to;
	uint16_t cycles; /* since the previous branch; 0 when the CPU does not say */
	uint8_t type; /* enum branch_type */
	bool mispredicted;
	bool predicted; /* neither set: the CPU does not say */
};

struct snapshot {
	uint64_t timestamp; /* nanoseconds of CLOCK_MONOTONIC */
	int64_t return_value; /* raw register, to be read by the target's return type */
	uint32_t tracer;
	uint32_t cpu;
	uint32_t pid;
	uint32_t tid;
	char comm[16]; /* NUL-terminated; any other byte is possible */
	int branch_error; /* 0, or the negative errno of bpf_get_branch_snapshot */
	uint32_t n_branches;
	struct branch branches[SNAPSHOT_MAX_BRANCHES]; /* newest first */
};
