/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a dump must name: maps, values of maps, helpers, subprograms, callbacks, tail calls. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} dump_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} dump_totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} dump_next SEC(".maps");

volatile __u64 dump_seen;
volatile __u32 dump_mode = 1;

static long dump_step(__u32 index, void *context)
{
	__u64 *sum = context;

	__sync_fetch_and_add(sum, index);
	return index > 2;
}

__attribute__((noinline)) static __u64 dump_count(struct xdp_md *ctx, __u32 key)
{
	__u64 *flow = bpf_map_lookup_elem(&dump_flows, &key), one = 1;

	if (!flow) {
		bpf_map_update_elem(&dump_flows, &key, &one, BPF_ANY);
		return 0x123456789abcdef;
	}
	return *flow += ctx->rx_queue_index;
}

SEC("xdp")
int dump_main(struct xdp_md *ctx)
{
	__u64 sum = bpf_ktime_get_ns() & 7, *total;
	__u32 key = dump_mode;

	dump_seen++;
	bpf_loop(8, dump_step, &sum, 0);
	total = bpf_map_lookup_elem(&dump_totals, &key);
	if (total)
		__sync_fetch_and_add(total, sum);
	switch (dump_count(ctx, sum) & 15) {
	case 3:
		bpf_tail_call(ctx, &dump_next, 0);
		return XDP_DROP;
	case 5:
		return XDP_TX;
	case 15:
		return XDP_PASS;
	}
	return sum > 0xffffffff00000001ULL ? XDP_ABORTED : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
