// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The tracer: one of these programs is loaded for every traced function and runs when the function
 * is left or entered.
 *
 * The rule that must not break: in trace_branches nothing branches before the snapshot, neither a
 * jump nor a helper call, since every branch taken there pushes one of the target's own out of the
 * CPU's branch stack. (A helper call costs two entries before Linux 6.10.) So the memory for the
 * snapshot cannot come from a per-CPU map; it comes from a pool of slots that an atomic counter
 * hands out in turn, and whether the slot was free is looked at afterwards.
 *
 * The external symbols are no variables of an object: daemon/trace/code.c puts map addresses and
 * constants in their place for each tracer, and the verifier drops what the constants make dead.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/pool.h"

/* Map values and maps. */
extern struct lbrd_pool lbrd_pool;
extern struct lbrd_control lbrd_control;
extern struct lbrd_ring lbrd_ring;

/* Constants: the address is the value. Weak, or the compiler would know that none is 0. */
extern const char lbrd_slot_mask[] __weak; /* number of slots - 1 */
extern const char lbrd_branch_bytes[] __weak; /* of entries that a record has room for */
extern const char lbrd_number[] __weak; /* of this tracer */
extern const char lbrd_reads_return_value[] __weak;

#define CONSTANT(name) ((__u64)(name))
/* Hides from the compiler what it knows of a value, so that it keeps our arithmetic as it is. */
#define OPAQUE(value) __asm__ volatile("" : "+r"(value))
#define NANOSECONDS_PER_SECOND 1000000000LL

/* Offset of the slot behind slots[0], or 0 when it was busy; found without a branch. */
static __always_inline __u64 take_slot(void)
{
	__u64 turn = __sync_fetch_and_add(&lbrd_pool.cursor, 1);
	__u64 offset = ((turn & CONSTANT(lbrd_slot_mask)) + 1) * sizeof(struct lbrd_slot);
	struct lbrd_slot *slot = (void *)lbrd_pool.slots + offset;
	__u64 free = (__u64)__sync_lock_test_and_set(&slot->busy, 1) - 1; /* 0 becomes ~0 */

	OPAQUE(free);
	return offset & free;
}

static __always_inline int within_rate(__u64 now)
{
	__u32 max = lbrd_control.max_per_second;
	__u64 begins;

	if (!max)
		return 1;
	begins = *(volatile __u64 *)&lbrd_control.second_begins;
	/* Signed: another CPU may have begun the second after our timestamp was taken. */
	if ((__s64)(now - begins) >= NANOSECONDS_PER_SECOND &&
	    __sync_val_compare_and_swap(&lbrd_control.second_begins, begins, now) == begins)
		*(volatile __u64 *)&lbrd_control.in_second = 0;
	return __sync_fetch_and_add(&lbrd_control.in_second, 1) < max;
}

/* False: the event is of nobody's interest, and no loss. */
static __always_inline int is_wanted(__u64 pid)
{
	__u64 own = lbrd_control.own_pid, wanted = lbrd_control.pid;

	/* Jumps are cheap by now; unasked, the compiler would calculate truth values instead. */
	OPAQUE(own);
	if (pid == own)
		return 0;
	OPAQUE(wanted);
	if (!wanted)
		return 1;
	return pid == wanted;
}

/* An entry of the ring with its header, or NULL: a loss that is counted. */
static __always_inline struct lbrd_record *make_record(void *context, __u64 now, __u64 pid_tgid,
		__u64 size)
{
	struct lbrd_record *record;
	__u64 return_value = 0;

	if (!within_rate(now)) {
		__sync_fetch_and_add(&lbrd_control.rate, 1);
		return 0;
	}
	record = bpf_ringbuf_reserve(&lbrd_ring, size, 0);
	if (!record) {
		__sync_fetch_and_add(&lbrd_control.ring_full, 1);
		return 0;
	}
	if (CONSTANT(lbrd_reads_return_value))
		bpf_get_func_ret(context, &return_value);
	record->timestamp = now;
	record->return_value = return_value;
	record->tracer = CONSTANT(lbrd_number);
	record->cpu = bpf_get_smp_processor_id();
	record->pid = pid_tgid >> 32;
	record->tid = pid_tgid;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	record->reserved = 0;
	return record;
}

/*
 * Word by word in a straight line, which no helper's memcpy() is faster than by much, and slower
 * by far where it is a `rep movsb` that the CPU does byte by byte. What is copied beyond the last
 * valid entry, for the sake of fewer comparisons, is nobody's to read.
 */
static __always_inline void copy_branches(struct lbrd_record *record, const struct lbrd_slot *slot,
		__s64 branch_bytes)
{
	__u64 bytes = branch_bytes;

	record->branch_bytes = branch_bytes;
	/* Unsigned, so that one comparison sorts out the errors too. */
	if (bytes > CONSTANT(lbrd_branch_bytes))
		return;
	OPAQUE(bytes);
#pragma unroll
	for (int i = 0; i < LBRD_MAX_BRANCHES; i++) {
		if (i % LBRD_DEPTH_STEP == 0 && bytes <= i * sizeof(record->branches[0]))
			break;
		record->branches[i] = slot->branches[i];
	}
}

SEC("branches")
int trace_branches(void *context)
{
	__u64 offset = take_slot(), now, pid_tgid;
	struct lbrd_slot *slot = (void *)lbrd_pool.slots + offset;
	__s64 branch_bytes = bpf_get_branch_snapshot(slot->branches,
			CONSTANT(lbrd_branch_bytes), 0);
	struct lbrd_record *record;

	now = bpf_ktime_get_ns();
	pid_tgid = bpf_get_current_pid_tgid();
	if (!is_wanted(pid_tgid >> 32))
		goto out;
	if (!offset) {
		__sync_fetch_and_add(&lbrd_control.slot_busy, 1);
		goto out;
	}
	record = make_record(context, now, pid_tgid,
			LBRD_RECORD_HEADER_SIZE + CONSTANT(lbrd_branch_bytes));
	if (record) {
		copy_branches(record, slot, branch_bytes);
		bpf_ringbuf_submit(record, 0);
	}
out:
	/* An exchange and no plain store: it orders the reads of the copy before it. */
	if (offset)
		__sync_lock_test_and_set(&slot->busy, 0);
	return 0;
}

/* For machines without branch records: all the rest of an event. */
SEC("plain")
int trace_plain(void *context)
{
	__u64 now = bpf_ktime_get_ns(), pid_tgid = bpf_get_current_pid_tgid();
	struct lbrd_record *record;

	if (!is_wanted(pid_tgid >> 32))
		return 0;
	record = make_record(context, now, pid_tgid, LBRD_RECORD_HEADER_SIZE);
	if (record) {
		record->branch_bytes = 0;
		bpf_ringbuf_submit(record, 0);
	}
	return 0;
}
