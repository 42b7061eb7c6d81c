/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Covers BPF up to version 4 with atomics, address spaces and may_goto. The numbers that the
 * headers of older systems lack stand here. The rule that must not break: whatever the bits are,
 * one instruction is read at a time and something is written.
 */
#include "daemon/symbol/bpf-disassembler.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define IMM64 (BPF_LD | BPF_IMM | BPF_DW)
#define MODE_MEMSX 0x80
#define MODE_ATOMIC 0xc0
#define JUMP_MAY_GOTO 0xe0
#define ADDRESS_SPACE_CAST 1 /* offset of a move */
#define ATOMIC_LOAD_ACQUIRE 0x100
#define ATOMIC_STORE_RELEASE 0x110
#define PSEUDO_KFUNC 2
#define PSEUDO_FUNC 4

#define CLASS(insn) BPF_CLASS((insn)->code)
#define IS_REGISTER(insn) (BPF_SRC((insn)->code) == BPF_X)

static const char *const sizes[] = {
	[BPF_W >> 3] = "32",
	[BPF_H >> 3] = "16",
	[BPF_B >> 3] = "8",
	[BPF_DW >> 3] = "64",
};

static const char *size_of(const struct bpf_insn *insn)
{
	return sizes[BPF_SIZE(insn->code) >> 3];
}

/* Each print_...() returns false when the instruction is not known. */

/* "r3", "w3" or "0x2a" */
static void operand(const struct bpf_insn *insn, char prefix, char *buffer, size_t size)
{
	if (IS_REGISTER(insn))
		snprintf(buffer, size, "%c%u", prefix, insn->src_reg);
	else if (insn->imm < 0 && insn->imm > -4096)
		snprintf(buffer, size, "%" PRId32, insn->imm);
	else
		snprintf(buffer, size, "0x%" PRIx32, (uint32_t)insn->imm);
}

static bool print_swap(const struct bpf_insn *insn, char *buffer, size_t size)
{
	const char *how = IS_REGISTER(insn) ? "be" : "le";

	if (CLASS(insn) == BPF_ALU64) {
		if (IS_REGISTER(insn))
			return false;
		how = "bswap";
	}
	snprintf(buffer, size, "r%u = %s%" PRId32 " r%u", insn->dst_reg, how, insn->imm,
		 insn->dst_reg);
	return true;
}

static bool print_move(const struct bpf_insn *insn, char prefix, char *buffer, size_t size)
{
	char source[16];

	operand(insn, prefix, source, sizeof(source));
	if (!insn->off || !IS_REGISTER(insn))
		snprintf(buffer, size, "%c%u = %s", prefix, insn->dst_reg, source);
	else if (insn->off == ADDRESS_SPACE_CAST && insn->imm)
		snprintf(buffer, size, "r%u = addr_space_cast(r%u, %u, %u)", insn->dst_reg,
			 insn->src_reg, (uint32_t)insn->imm >> 16, (uint32_t)insn->imm & 0xffff);
	else
		snprintf(buffer, size, "%c%u = (s%d)%s", prefix, insn->dst_reg, insn->off, source);
	return true;
}

static bool print_alu(const struct bpf_insn *insn, char *buffer, size_t size)
{
	static const char *const operators[16] = {
		[BPF_ADD >> 4] = "+=", [BPF_SUB >> 4] = "-=", [BPF_MUL >> 4] = "*=",
		[BPF_DIV >> 4] = "/=", [BPF_OR >> 4] = "|=", [BPF_AND >> 4] = "&=",
		[BPF_LSH >> 4] = "<<=", [BPF_RSH >> 4] = ">>=", [BPF_MOD >> 4] = "%=",
		[BPF_XOR >> 4] = "^=", [BPF_ARSH >> 4] = "s>>=",
	};
	char prefix = CLASS(insn) == BPF_ALU64 ? 'r' : 'w', source[16];
	const char *operator = operators[BPF_OP(insn->code) >> 4];

	switch (BPF_OP(insn->code)) {
	case BPF_END:
		return print_swap(insn, buffer, size);
	case BPF_MOV:
		return print_move(insn, prefix, buffer, size);
	case BPF_NEG:
		snprintf(buffer, size, "%c%u = -%c%u", prefix, insn->dst_reg, prefix,
			 insn->dst_reg);
		return true;
	}
	if (!operator)
		return false;
	operand(insn, prefix, source, sizeof(source));
	snprintf(buffer, size, "%c%u %s%s %s", prefix, insn->dst_reg, insn->off == 1 ? "s" : "",
		 operator, source);
	return true;
}

static const char *atomic_name(int32_t operation)
{
	switch (operation & ~BPF_FETCH) {
	case BPF_ADD:
		return "add";
	case BPF_OR:
		return "or";
	case BPF_AND:
		return "and";
	case BPF_XOR:
		return "xor";
	default:
		return NULL;
	}
}

static bool print_atomic(const struct bpf_insn *insn, char *buffer, size_t size)
{
	const char *name = atomic_name(insn->imm), *bits = size_of(insn);
	char place[32];

	snprintf(place, sizeof(place), "(u%s *)(r%u %+d)", bits, insn->dst_reg, insn->off);
	if (insn->imm == BPF_CMPXCHG)
		snprintf(buffer, size, "r0 = atomic%s_cmpxchg(%s, r0, r%u)",
			 BPF_SIZE(insn->code) == BPF_DW ? "64" : "", place, insn->src_reg);
	else if (insn->imm == BPF_XCHG)
		snprintf(buffer, size, "r%u = atomic%s_xchg(%s, r%u)", insn->src_reg,
			 BPF_SIZE(insn->code) == BPF_DW ? "64" : "", place, insn->src_reg);
	else if (insn->imm == ATOMIC_LOAD_ACQUIRE)
		snprintf(buffer, size, "r%u = load_acquire((u%s *)(r%u %+d))", insn->dst_reg, bits,
			 insn->src_reg, insn->off);
	else if (insn->imm == ATOMIC_STORE_RELEASE)
		snprintf(buffer, size, "store_release(%s, r%u)", place, insn->src_reg);
	else if (name && insn->imm & BPF_FETCH)
		snprintf(buffer, size, "r%u = atomic%s_fetch_%s(%s, r%u)", insn->src_reg,
			 BPF_SIZE(insn->code) == BPF_DW ? "64" : "", name, place, insn->src_reg);
	else if (name)
		snprintf(buffer, size, "lock *%s %s r%u", place,
			 *name == 'a' ? (name[1] == 'd' ? "+=" : "&=") : *name == 'o' ? "|=" : "^=",
			 insn->src_reg);
	else
		return false;
	return true;
}

static bool print_store(const struct bpf_insn *insn, char *buffer, size_t size)
{
	if (BPF_MODE(insn->code) == MODE_ATOMIC && CLASS(insn) == BPF_STX)
		return print_atomic(insn, buffer, size);
	if (BPF_MODE(insn->code) != BPF_MEM)
		return false;
	if (CLASS(insn) == BPF_STX)
		snprintf(buffer, size, "*(u%s *)(r%u %+d) = r%u", size_of(insn), insn->dst_reg,
			 insn->off, insn->src_reg);
	else
		snprintf(buffer, size, "*(u%s *)(r%u %+d) = %" PRId32, size_of(insn),
			 insn->dst_reg, insn->off, insn->imm);
	return true;
}

static bool print_load(const struct bpf_insn *insn, char *buffer, size_t size)
{
	bool is_signed = BPF_MODE(insn->code) == MODE_MEMSX;

	if (BPF_MODE(insn->code) != BPF_MEM && !is_signed)
		return false;
	snprintf(buffer, size, "r%u = *(%c%s *)(r%u %+d)", insn->dst_reg, is_signed ? 's' : 'u',
		 size_of(insn), insn->src_reg, insn->off);
	return true;
}

static bool print_wide(const struct bpf_insn *insn, char *buffer, size_t size)
{
	uint64_t value = (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm;

	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
		snprintf(buffer, size, "r%u = map[id:%" PRIu32 "]", insn->dst_reg,
			 (uint32_t)insn->imm);
		return true;
	case BPF_PSEUDO_MAP_VALUE:
		snprintf(buffer, size, "r%u = map[id:%" PRIu32 "][0]+%" PRIu32, insn->dst_reg,
			 (uint32_t)insn->imm, (uint32_t)insn[1].imm);
		return true;
	case PSEUDO_FUNC:
		snprintf(buffer, size, "r%u = subprog[%+" PRId32 "]", insn->dst_reg, insn->imm);
		return true;
	default:
		snprintf(buffer, size, "r%u = 0x%" PRIx64, insn->dst_reg, value);
		return true;
	}
}

/* The loads from a packet that classic BPF left behind. */
static bool print_packet(const struct bpf_insn *insn, char *buffer, size_t size)
{
	if (BPF_MODE(insn->code) == BPF_ABS)
		snprintf(buffer, size, "r0 = *(u%s *)skb[%" PRId32 "]", size_of(insn), insn->imm);
	else if (BPF_MODE(insn->code) == BPF_IND)
		snprintf(buffer, size, "r0 = *(u%s *)skb[r%u + %" PRId32 "]", size_of(insn),
			 insn->src_reg, insn->imm);
	else
		return false;
	return true;
}

static bool print_call(const struct bpf_insn *insn, const char *callee, char *buffer, size_t size)
{
	if (IS_REGISTER(insn))
		snprintf(buffer, size, "callx r%u", insn->dst_reg);
	else if (insn->src_reg == BPF_PSEUDO_CALL)
		snprintf(buffer, size, "call pc%+d%s%s", insn->off, callee ? "#" : "",
			 callee ? callee : "");
	else if (callee)
		snprintf(buffer, size, "call %s", callee);
	else
		snprintf(buffer, size, "call %s#%" PRId32,
			 insn->src_reg == PSEUDO_KFUNC ? "kernel-function" : "unknown", insn->imm);
	return true;
}

static bool print_jump(const struct bpf_insn *insn, const char *callee, char *buffer, size_t size)
{
	static const char *const comparisons[16] = {
		[BPF_JEQ >> 4] = "==", [BPF_JGT >> 4] = ">", [BPF_JGE >> 4] = ">=",
		[BPF_JSET >> 4] = "&", [BPF_JNE >> 4] = "!=", [BPF_JSGT >> 4] = "s>",
		[BPF_JSGE >> 4] = "s>=", [BPF_JLT >> 4] = "<", [BPF_JLE >> 4] = "<=",
		[BPF_JSLT >> 4] = "s<", [BPF_JSLE >> 4] = "s<=",
	};
	bool wide = CLASS(insn) == BPF_JMP;
	const char *comparison = comparisons[BPF_OP(insn->code) >> 4];
	char prefix = wide ? 'r' : 'w', source[16];

	if (wide && BPF_OP(insn->code) == BPF_CALL)
		return print_call(insn, callee, buffer, size);
	if (wide && BPF_OP(insn->code) == BPF_EXIT)
		snprintf(buffer, size, "exit");
	else if (BPF_OP(insn->code) == BPF_JA)
		snprintf(buffer, size, wide ? "goto pc%+" PRId32 : "gotol pc%+" PRId32,
			 wide ? insn->off : insn->imm);
	else if (BPF_OP(insn->code) == JUMP_MAY_GOTO)
		snprintf(buffer, size, "may_goto pc%+d", insn->off);
	else if (!comparison)
		return false;
	else {
		operand(insn, prefix, source, sizeof(source));
		snprintf(buffer, size, "if %c%u %s %s goto pc%+d", prefix, insn->dst_reg,
			 comparison, source, insn->off);
	}
	return true;
}

static bool print(const struct bpf_insn *insn, const char *callee, char *buffer, size_t size)
{
	switch (CLASS(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		return print_alu(insn, buffer, size);
	case BPF_ST:
	case BPF_STX:
		return print_store(insn, buffer, size);
	case BPF_LDX:
		return print_load(insn, buffer, size);
	case BPF_JMP:
	case BPF_JMP32:
		return print_jump(insn, callee, buffer, size);
	default: /* BPF_LD */
		return print_packet(insn, buffer, size);
	}
}

size_t bpf_disassemble(const struct bpf_insn *insns, size_t n, size_t i, const char *callee,
		char *buffer, size_t size)
{
	if (insns[i].code == IMM64 && i + 1 < n) {
		print_wide(&insns[i], buffer, size);
		return 2;
	}
	if (!print(&insns[i], callee, buffer, size))
		snprintf(buffer, size, "(bad)");
	return 1;
}
