/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A target with every shape that a path has: nested conditions, a loop, a switch, a subprogram, a
 * helper and a kfunc. The first bytes of the packet steer. Compared, instruction by instruction,
 * with a trace of the CPU (path-trace).
 */
#include <linux/bpf.h>
#include <linux/version.h>

#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;
/* What the kernel had for its own tests before the two above. */
extern void bpf_kfunc_call_test_mem_len_pass1(void *memory, int size) __ksym __weak;

volatile int path_sum;

__attribute__((noinline)) static int path_weigh(int value)
{
	if (value > 2) {
		if (value > 4)
			return value + path_sum;
		return 2 * value;
	}
	return 1;
}

SEC("tc")
int path(struct __sk_buff *skb)
{
	unsigned char steer[4] = {};
	int sum = 0;

	bpf_skb_load_bytes(skb, 0, steer, sizeof(steer));
	if (steer[0]) {
		if (steer[0] > 3)
			sum = path_weigh(steer[0]);
		else
			sum = path_weigh(1);
	}
	for (int i = 0; i < (steer[1] & 3); i++)
		path_sum += sum;
	switch (steer[2]) {
	case 1:
		sum += 10;
		break;
	case 2:
		sum += bpf_get_numa_node_id();
		break;
	case 3:
		path_sum = 0;
		break;
	}
	if (steer[3]) {
		if (LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 5, 0)) {
			bpf_rcu_read_lock();
			bpf_rcu_read_unlock();
		} else {
			bpf_kfunc_call_test_mem_len_pass1(steer, sizeof(steer));
		}
	}
	return sum & 0xff;
}

char LICENSE[] SEC("license") = "GPL";
