/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that lbrd must refuse to trace, each for a reason of its own. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

/* Reachable by tail call: a tracer at its exit would make kernels before 6.7 loop for ever. */
__attribute__((noinline)) static int odd_tail_sub(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return ctx->data_end - ctx->data;
}

SEC("xdp")
int odd_tail_caller(struct xdp_md *ctx)
{
	return odd_tail_sub(ctx) + 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
