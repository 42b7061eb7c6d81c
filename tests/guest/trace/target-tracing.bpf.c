// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A tracing program, to be traced or refused. What it is attached to is set when it is loaded. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("fentry")
int target_tracing(void *context)
{
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
