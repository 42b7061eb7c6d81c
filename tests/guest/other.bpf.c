/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program of about the size of paths.bpf.c, to be loaded where that one was. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int other(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data;
	const void *end = (void *)(long)ctx->data_end;
	int sum = 0;

	if ((const void *)(data + 32) > end)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < 32; i++)
		sum += data[i] > 7 ? data[i] : 1;
	return sum;
}

char _license[] SEC("license") = "Dual BSD/GPL";
