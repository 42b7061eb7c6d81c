/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that the kernel tells of a loaded BPF program, as it tells it. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program_info {
	struct bpf_prog_info kernel; /* its pointers are not to be used */
	uint64_t *addresses; /* of the functions' code; all 0 when hidden */
	uint32_t *lengths;
	size_t n_functions; /* of the two arrays; 0: not compiled */
	struct bpf_func_info *btf_functions;
	size_t n_btf_functions; /* 0: no BTF; else the same order */
	struct bpf_insn *insns; /* as the kernel runs them */
	size_t n_insns; /* 0: not asked for, or hidden */
};

/* Negative errno as the kernel gives it; -EAGAIN when the program changed while it was read. */
int program_info_read(int fd, bool with_insns, struct program_info *ret);
void program_info_deinit(struct program_info *info);
