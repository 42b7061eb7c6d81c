/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions of a BPF program can reach a tail call. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether `function` (index) makes a tail call itself or by a function that it calls. `insns` is
 * the program as BPF_OBJ_GET_INFO_BY_FD dumps it, `starts` the first instruction of each of its
 * `n_functions` functions, ascending. True as well when the dump makes no sense.
 */
bool tail_call_reachable(const struct bpf_insn *insns, size_t n, const uint32_t *starts,
		size_t n_functions, size_t function);
