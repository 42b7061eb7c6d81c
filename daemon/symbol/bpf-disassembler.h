/* SPDX-License-Identifier: Apache-2.0 */
/* BPF instructions as text, in the C-like notation of the verifier's log. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#define BPF_TEXT_MAX 160

/*
 * Writes what insns[i] (i < n) does to `buffer`, as much as fits, with a NUL byte. `callee`: the
 * name of what it calls, or NULL. Returns how many instructions it takes: 1, or 2 for a load of 64
 * bits. One that is not known, or cut off, is "(bad)".
 */
size_t bpf_disassemble(const struct bpf_insn *insns, size_t n, size_t i, const char *callee,
		char *buffer, size_t size);
