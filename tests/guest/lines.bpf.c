/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lbrd_lines.ko calls: one branch, always taken, at a marked line. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("socket")
int lines(struct __sk_buff *skb)
{
	/* The length, 64: no constant, or the verifier would leave the branch out. */
	asm volatile("r2 = *(u32 *)(%0 + 0)" ::"r"(skb) : "r2");
	asm volatile("if r2 != 8 goto lines_end" ::: "r2"); /* @branch */
	asm volatile("r2 = 9" ::: "r2");
	asm volatile("lines_end: r0 = 0" ::: "r0"); /* @end */
	return 0; /* @exit */
}

char _license[] SEC("license") = "Dual BSD/GPL";
