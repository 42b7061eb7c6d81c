/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lbrd_lines.ko calls: one branch, always taken, at a marked line. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("socket")
int lines(struct __sk_buff *skb)
{
	asm volatile("r2 = 7\n"
		     "if r2 != 8 goto +1\n" /* the line is that of the statement: @branch */
		     "r2 = 9\n" ::
			     : "r2");
	return 0; /* @exit */
}

char _license[] SEC("license") = "Dual BSD/GPL";
