// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the tests of the trace room trace: programs whose results are known by their packet. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target_jumps SEC(".maps");

static __noinline __u64 target_subprogram(const void *data, __u64 length)
{
	/* A second argument and a volatile read, so that no compiler folds the two into one. */
	return *(const volatile __u8 *)data + (length << 32) + length;
}

/* The first byte of the packet and its length: first + 3 * length, in 32 bits. */
SEC("xdp")
int target_with_long_name(struct xdp_md *context)
{
	const __u8 *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
	__u64 both;

	if (data + 1 > end)
		return -1;
	both = target_subprogram(data, end - data);
	return (__u32)both + 2 * (__u32)(both >> 32);
}

/* Ends before its subprogram: the branches of its end are known exactly. */
SEC("xdp")
int target_short(struct xdp_md *context)
{
	return XDP_PASS;
}

static __noinline int target_jumps_on(struct xdp_md *context)
{
	bpf_tail_call(context, &target_jumps, 0);
	return context->data_end - context->data;
}

static __noinline int target_stays(struct xdp_md *context)
{
	return context->data_end - context->data;
}

SEC("xdp")
int target_tail_caller(struct xdp_md *context)
{
	return target_jumps_on(context) + target_stays(context);
}

char _license[] SEC("license") = "Dual BSD/GPL";
