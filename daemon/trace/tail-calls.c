// SPDX-License-Identifier: Apache-2.0
/*
 * On kernels 5.10 to 6.6 (fixed by 2b5dcb31a19a in 6.7) the trampoline of a subprogram loses the
 * count of tail calls, which is handed on in a register wherever a tail call can follow. When the
 * tail call leads back to the subprogram's caller, nothing ends the loop, and the CPU hangs. The
 * entry function is safe: the count begins there, behind the trampoline.
 *
 * The rule that must not break: in doubt a tail call is reachable.
 */
#include "daemon/trace/tail-calls.h"

#include <stdlib.h>

#include "common/cleanup.h"

enum mark {
	NOT_SEEN = 0,
	TO_DO,
	DONE,
};

/* Index of the function that begins at `start`; n_functions: none does. */
static size_t function_at(const uint32_t *starts, size_t n_functions, int64_t start)
{
	size_t i;

	for (i = 0; i < n_functions; i++)
		if (starts[i] == start)
			break;
	return i;
}

/*
 * The index of the function that an instruction calls or takes the address of, as the kernel dumps
 * it once the program is compiled: a call has it in `imm`, an address the offset.
 */
static bool callee_of(const struct bpf_insn *insn, size_t at, const uint32_t *starts,
		size_t n_functions, size_t *ret)
{
	if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL)
		*ret = (uint32_t)insn->imm;
	else if (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC)
		*ret = function_at(starts, n_functions, (int64_t)at + insn->imm + 1);
	else
		return false;
	return true;
}

static bool is_tail_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 &&
	       insn->imm == BPF_FUNC_tail_call;
}

/* True when a tail call was found, or something that makes no sense. Marks the callees. */
static bool search(const struct bpf_insn *insns, size_t begin, size_t end, const uint32_t *starts,
		size_t n_functions, unsigned char *marks)
{
	for (size_t i = begin; i < end; i++) {
		size_t callee;

		if (is_tail_call(&insns[i]))
			return true;
		if (!callee_of(&insns[i], i, starts, n_functions, &callee))
			continue;
		if (callee >= n_functions)
			return true;
		if (marks[callee] == NOT_SEEN)
			marks[callee] = TO_DO;
	}
	return false;
}

bool tail_call_reachable(const struct bpf_insn *insns, size_t n, const uint32_t *starts,
		size_t n_functions, size_t function)
{
	_cleanup_free_ unsigned char *marks = calloc(n_functions, 1);
	bool again = true;

	if (!marks || function >= n_functions)
		return true;
	marks[function] = TO_DO;
	while (again) {
		again = false;
		for (size_t i = 0; i < n_functions; i++) {
			size_t end = i + 1 < n_functions ? starts[i + 1] : n;

			if (marks[i] != TO_DO)
				continue;
			marks[i] = DONE;
			again = true;
			if (end > n || search(insns, starts[i], end, starts, n_functions, marks))
				return true;
		}
	}
	return false;
}
