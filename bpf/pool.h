/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The memory that tracers and daemon share beside the ring buffer. */
#pragma once

#include "bpf/record.h"

/* The room in a record, in entries, is a multiple of it. */
#define LBRD_DEPTH_STEP 8

/* Where the snapshot of one event is taken to, before anything is known of the event. */
struct lbrd_slot {
	__u32 busy; /* taken by exchanging it for 1 */
	__u32 reserved[15]; /* the entries begin with a cache line */
	struct perf_branch_entry branches[LBRD_MAX_BRANCHES];
};

/*
 * One for all tracers. slots[0] is never taken: it receives the snapshots that found their slot
 * busy, and nobody reads it. The number of the others is a power of two.
 */
struct lbrd_pool {
	__u64 cursor; /* counts the slots asked for */
	__u64 reserved[7]; /* the cursor alone in its cache line */
	struct lbrd_slot slots[];
};

/* One per tracer. The daemon writes the first three members at any time; all others only grow. */
struct lbrd_control {
	__u32 pid; /* only events of this thread group; 0: all */
	__u32 max_per_second; /* 0: no ceiling */
	__u32 own_pid; /* thread group of the daemon, of which no event is wanted */
	__u32 reserved;
	__u64 second_begins; /* when the running second of max_per_second began */
	__u64 in_second; /* events since then */
	__u64 ring_full;
	__u64 slot_busy;
	__u64 rate; /* events above max_per_second */
};
