/* SPDX-License-Identifier: Apache-2.0 */
/* BPF instructions to text, and whatever bits there may be. */
#include "common/macro.h"
#include "daemon/symbol/bpf-disassembler.h"
#include "tests/unit/check.h"

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }

static const struct {
	struct bpf_insn insns[2];
	size_t n;
	const char *callee;
	const char *text;
} samples[] = {
	{ { INSN(0xb7, 1, 0, 0, 2) }, 1, NULL, "r1 = 0x2" },
	{ { INSN(0xb4, 1, 0, 0, -1) }, 1, NULL, "w1 = -1" },
	{ { INSN(0xbf, 6, 1, 0, 0) }, 1, NULL, "r6 = r1" },
	{ { INSN(0xbf, 6, 1, 8, 0) }, 1, NULL, "r6 = (s8)r1" },
	{ { INSN(0xbc, 6, 1, 16, 0) }, 1, NULL, "w6 = (s16)w1" },
	{ { INSN(0xbf, 2, 3, 1, 65536) }, 1, NULL, "r2 = addr_space_cast(r3, 1, 0)" },
	{ { INSN(0x07, 2, 0, 0, -8) }, 1, NULL, "r2 += -8" },
	{ { INSN(0xc7, 2, 0, 0, 32) }, 1, NULL, "r2 s>>= 0x20" },
	{ { INSN(0x3f, 2, 3, 1, 0) }, 1, NULL, "r2 s/= r3" },
	{ { INSN(0x87, 2, 0, 0, 0) }, 1, NULL, "r2 = -r2" },
	{ { INSN(0xdc, 1, 0, 0, 16) }, 1, NULL, "r1 = be16 r1" },
	{ { INSN(0xd4, 1, 0, 0, 64) }, 1, NULL, "r1 = le64 r1" },
	{ { INSN(0xd7, 1, 0, 0, 32) }, 1, NULL, "r1 = bswap32 r1" },
	{ { INSN(0x61, 0, 1, 4, 0) }, 1, NULL, "r0 = *(u32 *)(r1 +4)" },
	{ { INSN(0x91, 0, 1, -4, 0) }, 1, NULL, "r0 = *(s8 *)(r1 -4)" },
	{ { INSN(0x7b, 10, 1, -8, 0) }, 1, NULL, "*(u64 *)(r10 -8) = r1" },
	{ { INSN(0x72, 1, 0, 0, 5) }, 1, NULL, "*(u8 *)(r1 +0) = 5" },
	{ { INSN(0xdb, 1, 2, 0, 0) }, 1, NULL, "lock *(u64 *)(r1 +0) += r2" },
	{ { INSN(0xc3, 1, 2, 0, 0x50) }, 1, NULL, "lock *(u32 *)(r1 +0) &= r2" },
	{ { INSN(0xdb, 1, 2, 0, 1) }, 1, NULL, "r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)" },
	{ { INSN(0xc3, 1, 2, 0, 0xf1) }, 1, NULL,
	  "r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)" },
	{ { INSN(0xdb, 1, 2, 0, 0xe1) }, 1, NULL, "r2 = atomic64_xchg((u64 *)(r1 +0), r2)" },
	{ { INSN(0xdb, 1, 2, 8, 0x100) }, 1, NULL, "r1 = load_acquire((u64 *)(r2 +8))" },
	{ { INSN(0x18, 1, 1, 0, 12), INSN(0, 0, 0, 0, 0) }, 2, NULL, "r1 = map[id:12]" },
	{ { INSN(0x18, 1, 2, 0, 12), INSN(0, 0, 0, 0, 4) }, 2, NULL, "r1 = map[id:12][0]+4" },
	{ { INSN(0x18, 1, 0, 0, 0x9abcdef0), INSN(0, 0, 0, 0, 0x12345678) }, 2, NULL,
	  "r1 = 0x123456789abcdef0" },
	{ { INSN(0x18, 1, 4, 0, 7), INSN(0, 0, 0, 0, 1) }, 2, NULL, "r1 = subprog[+7]" },
	{ { INSN(0x28, 0, 0, 0, 12) }, 1, NULL, "r0 = *(u16 *)skb[12]" },
	{ { INSN(0x50, 0, 3, 0, 1) }, 1, NULL, "r0 = *(u8 *)skb[r3 + 1]" },
	{ { INSN(0x85, 0, 0, 0, 77) }, 1, "bpf_map_lookup_elem", "call bpf_map_lookup_elem" },
	{ { INSN(0x85, 0, 0, 0, 77) }, 1, NULL, "call unknown#77" },
	{ { INSN(0x85, 0, 1, 9, 2) }, 1, "parse", "call pc+9#parse" },
	{ { INSN(0x8d, 3, 0, 0, 0) }, 1, NULL, "callx r3" },
	{ { INSN(0x95, 0, 0, 0, 0) }, 1, NULL, "exit" },
	{ { INSN(0x05, 0, 0, -3, 0) }, 1, NULL, "goto pc-3" },
	{ { INSN(0x06, 0, 0, 0, 70000) }, 1, NULL, "gotol pc+70000" },
	{ { INSN(0xe5, 0, 0, 3, 0) }, 1, NULL, "may_goto pc+3" },
	{ { INSN(0x15, 1, 0, 2, 5) }, 1, NULL, "if r1 == 0x5 goto pc+2" },
	{ { INSN(0x6d, 1, 2, 2, 0) }, 1, NULL, "if r1 s> r2 goto pc+2" },
	{ { INSN(0x46, 1, 0, 2, 8) }, 1, NULL, "if w1 & 0x8 goto pc+2" },
	{ { INSN(0xdf, 1, 0, 0, 0) }, 1, NULL, "(bad)" },
	{ { INSN(0x18, 1, 0, 0, 0) }, 1, NULL, "(bad)" }, /* its second half is cut off */
};

static void test_samples(void)
{
	char text[BPF_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		size_t n = bpf_disassemble(samples[i].insns, samples[i].n, 0, samples[i].callee,
					   text, sizeof(text));

		CHECK_STR(text, samples[i].text);
		CHECK_EQ(n, samples[i].n);
	}
}

static void test_anything(void)
{
	static const int immediates[] = { 0, 1, 0x41, 0xe1, -1, 0x7fffffff };
	char text[BPF_TEXT_MAX], small[4];

	for (unsigned int code = 0; code < 256; code++)
		for (size_t i = 0; i < ARRAY_SIZE(immediates); i++) {
			struct bpf_insn insns[2] = { INSN(code, 15, 15, -1, immediates[i]) };
			size_t n = bpf_disassemble(insns, 2, 0, NULL, text, sizeof(text));

			CHECK(n == 1 || (n == 2 && code == 0x18));
			CHECK(*text);
			bpf_disassemble(insns, 2, 0, "a_name_that_is_long", small, sizeof(small));
			CHECK(strlen(small) < sizeof(small));
		}
}

int main(void)
{
	test_samples();
	test_anything();
	return 0;
}
