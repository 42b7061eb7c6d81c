/* SPDX-License-Identifier: Apache-2.0 */
/* The tracer's instructions: what must hold of them before any kernel sees them. */
#include <linux/bpf.h>

#include "common/macro.h"
#include "daemon/trace/code.h"
#include "tests/unit/check.h"

static const struct code_values values = {
	.pool_fd = 11,
	.control_fd = 12,
	.ring_fd = 13,
	.slot_mask = 31,
	.branch_bytes = 32 * 24,
	.number = 77777,
	.reads_return_value = true,
};

static bool branches(const struct bpf_insn *insn)
{
	unsigned int class = BPF_CLASS(insn->code);

	return class == BPF_JMP || class == BPF_JMP32;
}

/* The rule of bpf/tracer.bpf.c: the first thing that branches is the call of the snapshot. */
static void nothing_before_the_snapshot(void)
{
	struct bpf_insn *insns;
	size_t n, i = 0;

	CHECK_EQ(code_build(true, &values, &insns, &n), 0);
	while (i < n && !branches(&insns[i]))
		i += insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
	CHECK(i < n);
	CHECK_EQ(insns[i].code, BPF_JMP | BPF_CALL);
	CHECK_EQ(insns[i].imm, BPF_FUNC_get_branch_snapshot);
	free(insns);
}

static unsigned int count_calls(const struct bpf_insn *insns, size_t n, int helper)
{
	unsigned int found = 0;

	for (size_t i = 0; i < n; i++)
		found += insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].imm == helper;
	return found;
}

static void no_snapshot_in_the_plain_one(void)
{
	struct bpf_insn *insns;
	size_t n;

	CHECK_EQ(code_build(false, &values, &insns, &n), 0);
	CHECK_EQ(count_calls(insns, n, BPF_FUNC_get_branch_snapshot), 0);
	CHECK_EQ(count_calls(insns, n, BPF_FUNC_ringbuf_submit), 1);
	free(insns);
}

/* How often a 64-bit load of this kind and value is there. */
static unsigned int count_loads(const struct bpf_insn *insns, size_t n, unsigned int kind, int imm)
{
	unsigned int found = 0;

	for (size_t i = 0; i + 1 < n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			found += insns[i].src_reg == kind && insns[i].imm == imm;
			i++;
		}
	return found;
}

static void relocated(void)
{
	for (int with = 0; with < 2; with++) {
		struct bpf_insn *insns;
		size_t n;

		CHECK_EQ(code_build(with, &values, &insns, &n), 0);
		CHECK_EQ(count_loads(insns, n, BPF_PSEUDO_MAP_VALUE, 11) > 0, with);
		CHECK(count_loads(insns, n, BPF_PSEUDO_MAP_VALUE, 12) > 0);
		CHECK_EQ(count_loads(insns, n, BPF_PSEUDO_MAP_FD, 13), 1);
		CHECK_EQ(count_loads(insns, n, 0, 31), with);
		CHECK_EQ(count_loads(insns, n, 0, 77777), 1);
		/* Nothing is left as the compiler made it. */
		CHECK_EQ(count_loads(insns, n, BPF_PSEUDO_MAP_VALUE, 0), 0);
		free(insns);
	}
}

int main(void)
{
	nothing_before_the_snapshot();
	no_snapshot_in_the_plain_one();
	relocated();
	return 0;
}
