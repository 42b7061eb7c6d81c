/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls kernel functions; they are there since Linux 6.2. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("tc")
int dump_kfunc(struct __sk_buff *skb)
{
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	return skb->len & 1;
}

char LICENSE[] SEC("license") = "GPL";
