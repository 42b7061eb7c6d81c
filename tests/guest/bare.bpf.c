/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Compiled without type information, which a tracer needs: lbrd must refuse it with that reason. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int bare(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
