/* SPDX-License-Identifier: Apache-2.0 */
/* What is an address of the kernel in a text, and what only looks like one. */
#include "daemon/api/hidden.h"
#include "tests/unit/check.h"

static void check(const char *text, const char *wanted)
{
	char buffer[128];

	CHECK_STR(hide_addresses(text, buffer, sizeof(buffer)), wanted);
}

static void test_addresses(void)
{
	check("callq 0xffffffff81234567", "callq 0x...");
	check("call 0xFFFFFFFF81234567", "call 0x...");
	check("movabsq $0xffff888012345678, %rdi", "movabsq $0x..., %rdi");
	/* Five levels of page tables, the first and the last address of the kernel's half. */
	check("0xff11000000000000", "0x...");
	check("0xff00000000000000 0xfffffffffeffffff", "0x... 0x...");
	/* Immediates and displacements of 32 bits, sign-extended. */
	check("movq $-0x7dcba988, %rdi", "movq $-0x..., %rdi");
	check("jmpq *-0x7dffe5a0(, %rax, 8)", "jmpq *-0x...(, %rax, 8)");
	check("mov rdi, qword ptr [rax*8 - 0x7dffe5a0]", "mov rdi, qword ptr [rax*8 - 0x...]");
	check("r1 = -2110454408 ll", "r1 = -0x... ll");
	check("(r1 = 18446744071578845184)", "(r1 = 0x...)");
}

static void test_distances(void)
{
	/* A per-CPU pointer. */
	check("movabsq $0x607ee0c0f000, %rdi", "movabsq $0x..., %rdi");
	check("movslq %gs:0x7d17bcff(%rip), %rax", "movslq %gs:0x...(%rip), %rax");
	check("incl %gs:-0x12(%rip)", "incl %gs:-0x...(%rip)");
	check("mov rax, qword ptr gs:[rip + 0x7d17bcff]", "mov rax, qword ptr gs:[rip + 0x...]");
	check("mov rax, qword ptr [rip - 8]", "mov rax, qword ptr [rip - 0x...]");
	check("movq %gs:0x1fac8, %rax", "movq %gs:0x1fac8, %rax");
}

static void test_others(void)
{
	static const char *const texts[] = {
		"", "retq", "movq -0x8(%rbp), %rax", "cmpq $-4095, %rax", "andq $-0x1000, %rsp",
		"xorl $0xfffff000, %eax", "movq 0x28(%rdi), %rsi", "callq 0x401000",
		"bpf_trampoline_18446744071578845184", "bpf_prog_ffffffff81234567_f+0x12",
		"movabsq $0xffffffffff, %rax", "movq $-1, %rax", "0xffffffffffffffff",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(texts[i], texts[i]);
}

static void test_room(void)
{
	char buffer[9];

	CHECK_STR(hide_addresses("nopl (%rax)", buffer, sizeof(buffer)), "nopl (%r");
	/* No part of an address is left by the cut. */
	CHECK_STR(hide_addresses("call 0xffffffff81234567", buffer, sizeof(buffer)), "call 0x.");
}

int main(void)
{
	test_addresses();
	test_distances();
	test_others();
	test_room();
	return 0;
}
