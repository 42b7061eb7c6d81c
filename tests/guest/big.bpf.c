/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One megabyte of machine code: 180,000 additions of six bytes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int big(struct xdp_md *ctx)
{
	__u64 sum = 0;

	asm volatile(".rept 180000\n%0 += 0x12345\n.endr" : "+r"(sum));
	return sum & 1;
}

char LICENSE[] SEC("license") = "GPL";
