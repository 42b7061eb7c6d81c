/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Five megabytes of machine code: 400,000 divisions of fourteen bytes. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int huge(struct xdp_md *ctx)
{
	__u64 rest = 1;

	asm volatile(".rept 400000\n%0 /= 0x12345\n.endr" : "+r"(rest));
	return rest & 1;
}

char LICENSE[] SEC("license") = "GPL";
