/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Four kilobytes of machine code, with a source line for every few instructions. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} four_kb_map SEC(".maps");

#define STEP(n) \
	key = (n) + sum; \
	value = bpf_map_lookup_elem(&four_kb_map, &key); \
	if (value) \
		sum += *value;
#define EIGHT(n) \
	STEP(n) \
	STEP(n + 1) \
	STEP(n + 2) \
	STEP(n + 3) \
	STEP(n + 4) \
	STEP(n + 5) \
	STEP(n + 6) \
	STEP(n + 7)

SEC("xdp")
int four_kb(struct xdp_md *ctx)
{
	__u64 sum = ctx->rx_queue_index, *value;
	__u32 key;

	EIGHT(0)
	EIGHT(10)
	EIGHT(20)
	EIGHT(30)
	EIGHT(40)
	EIGHT(50)
	EIGHT(60)
	EIGHT(70)
	EIGHT(80)
	return sum & 1;
}

char LICENSE[] SEC("license") = "GPL";
