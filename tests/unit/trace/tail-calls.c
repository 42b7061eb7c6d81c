/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions can reach a tail call, in programs as the kernel dumps them. */
#include "daemon/trace/tail-calls.h"

#include "common/macro.h"
#include "tests/unit/check.h"

#define EXIT_ { .code = BPF_JMP | BPF_EXIT }
#define TAIL_CALL { .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call }
#define HELPER { .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns }
#define CALL(index) \
	{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = (index) }
#define ADDRESS(offset) \
	{ .code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_FUNC, .imm = (offset) }, {}

static void check(const struct bpf_insn *insns, size_t n, const uint32_t *starts,
		size_t n_functions, const char *expected)
{
	for (size_t i = 0; i < n_functions; i++)
		CHECK_EQ(tail_call_reachable(insns, n, starts, n_functions, i), expected[i] == 'y');
}

static void own_body_and_callees(void)
{
	/* 0 calls 1 and 3; 1 calls 2; 2 makes the tail call; 3 calls nothing. */
	const struct bpf_insn insns[] = {
		CALL(1), CALL(3), EXIT_, /* 0 */
		HELPER, CALL(2), EXIT_, /* 1 */
		TAIL_CALL, EXIT_, /* 2 */
		HELPER, EXIT_, /* 3 */
	};
	const uint32_t starts[] = { 0, 3, 6, 8 };

	check(insns, ARRAY_SIZE(insns), starts, 4, "yyyn");
}

static void none(void)
{
	const struct bpf_insn insns[] = { CALL(1), EXIT_, HELPER, EXIT_ };
	const uint32_t starts[] = { 0, 2 };

	check(insns, ARRAY_SIZE(insns), starts, 2, "nn");
}

static void backwards_and_in_circles(void)
{
	/* 1 and 2 call each other, and 2 calls 0's neighbour 3 with the tail call. */
	const struct bpf_insn insns[] = {
		CALL(1), EXIT_, /* 0 */
		CALL(2), EXIT_, /* 1 */
		CALL(1), EXIT_, /* 2 */
		TAIL_CALL, EXIT_, /* 3 */
	};
	const uint32_t starts[] = { 0, 2, 4, 6 };

	check(insns, ARRAY_SIZE(insns), starts, 4, "nnny");
}

static void by_address(void)
{
	const struct bpf_insn insns[] = {
		ADDRESS(2), EXIT_, /* 0: a callback, 1 */
		TAIL_CALL, EXIT_, /* 1 */
	};
	const uint32_t starts[] = { 0, 3 };

	check(insns, ARRAY_SIZE(insns), starts, 2, "yy");
}

static void in_doubt(void)
{
	const struct bpf_insn bad_callee[] = { CALL(9), EXIT_ };
	const struct bpf_insn bad_address[] = { ADDRESS(-40), EXIT_ };
	const struct bpf_insn fine[] = { HELPER, EXIT_ };
	const uint32_t starts[] = { 0 }, beyond[] = { 0, 7 };

	check(bad_callee, ARRAY_SIZE(bad_callee), starts, 1, "y");
	check(bad_address, ARRAY_SIZE(bad_address), starts, 1, "y");
	check(fine, ARRAY_SIZE(fine), starts, 1, "n");
	CHECK(tail_call_reachable(fine, ARRAY_SIZE(fine), starts, 1, 1));
	CHECK(tail_call_reachable(fine, ARRAY_SIZE(fine), beyond, 2, 0));
}

int main(void)
{
	own_body_and_callees();
	none();
	backwards_and_in_circles();
	by_address();
	in_doubt();
	return 0;
}
