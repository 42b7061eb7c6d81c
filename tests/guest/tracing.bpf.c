/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A tracing program, which lbrd must refuse to trace. It is never attached; to run it makes the
 * kernel call its own test functions once: bpf_fentry_test1(1), which returns 2, and others.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("fentry/bpf_fentry_test1")
int tracing_program(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
