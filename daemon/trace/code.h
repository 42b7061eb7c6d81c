/* SPDX-License-Identifier: Apache-2.0 */
/* The tracer's instructions, made ready for one target. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is put in the place of the external symbols of bpf/tracer.bpf.c. */
struct code_values {
	int pool_fd;
	int control_fd;
	int ring_fd;
	uint32_t slot_mask;
	uint32_t branch_bytes; /* of entries that a record has room for, in LBRD_DEPTH_STEPs */
	uint32_t number;
	bool reads_return_value;
};

/*
 * The instructions of trace_branches or trace_plain, ready to be loaded; `*ret` is the caller's to
 * free. -EBADMSG when the embedded object is not what this file expects.
 */
int code_build(bool branches, const struct code_values *values, struct bpf_insn **ret,
		size_t *ret_n);
