/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to instructions: lengths, kinds, targets and the spelling of both syntaxes. */
#include <capstone/capstone.h>
#include <stdbool.h>

#include "common/macro.h"
#include "daemon/symbol/disassembler.h"
#include "tests/unit/check.h"

#define AT 0xffffffffc0001000ull

#if CS_API_MAJOR >= 5
#define SYSRET "sysretq"
#else
#define SYSRET "sysret"
#endif

struct sample {
	const char *bytes; /* as they stand in memory */
	size_t length;
	enum instruction_kind kind;
	uint64_t target; /* 0: not direct */
	const char *att;
	const char *intel;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct sample samples[] = {
	{ BYTES("\xf3\x0f\x1e\xfa"), INSTRUCTION_OTHER, 0, "endbr64", "endbr64" },
	{ BYTES("\x0f\x1f\x44\x00\x00"), INSTRUCTION_OTHER, 0, "nopl (%rax,%rax)",
	  "nop dword ptr [rax + rax]" },
	{ BYTES("\x66\x90"), INSTRUCTION_OTHER, 0, "nop", "nop" },
	{ BYTES("\x55"), INSTRUCTION_OTHER, 0, "pushq %rbp", "push rbp" },
	{ BYTES("\x48\x89\xe5"), INSTRUCTION_OTHER, 0, "movq %rsp, %rbp", "mov rbp, rsp" },
	{ BYTES("\x48\x83\xc4\xf0"), INSTRUCTION_OTHER, 0, "addq $-0x10, %rsp",
	  "add rsp, -0x10" },
	{ BYTES("\x48\xbf\x01\x02\x03\x04\x05\x06\xff\xff"), INSTRUCTION_OTHER, 0,
	  "movabsq $0xffff060504030201, %rdi", "movabs rdi, 0xffff060504030201" },
	{ BYTES("\x0f\xb7\x47\x04"), INSTRUCTION_OTHER, 0, "movzwl 0x4(%rdi), %eax",
	  "movzx eax, word ptr [rdi + 0x4]" },
	{ BYTES("\x48\x8b\x44\xcf\x08"), INSTRUCTION_OTHER, 0, "movq 0x8(%rdi,%rcx,8), %rax",
	  "mov rax, qword ptr [rdi + rcx*8 + 0x8]" },
	{ BYTES("\xf0\x48\x0f\xc1\x37"), INSTRUCTION_OTHER, 0, "lock xaddq %rsi, (%rdi)",
	  "lock xadd qword ptr [rdi], rsi" },
	{ BYTES("\xf3\x48\xab"), INSTRUCTION_OTHER, 0, "rep stosq %rax, %es:(%rdi)",
	  "rep stosq qword ptr es:[rdi], rax" },
	{ BYTES("\x65\x48\x8b\x04\x25\x28\x00\x00\x00"), INSTRUCTION_OTHER, 0,
	  "movq %gs:0x28, %rax", "mov rax, qword ptr gs:[0x28]" },
	{ BYTES("\xe8\x01\x02\x03\x00"), INSTRUCTION_CALL, AT + 0x30206,
	  "callq 0xffffffffc0031206", "call 0xffffffffc0031206" },
	{ BYTES("\xeb\x10"), INSTRUCTION_JUMP, AT + 0x12, "jmp 0xffffffffc0001012",
	  "jmp 0xffffffffc0001012" },
	{ BYTES("\xe9\xfb\xff\xff\xff"), INSTRUCTION_JUMP, AT, "jmp 0xffffffffc0001000",
	  "jmp 0xffffffffc0001000" },
	{ BYTES("\x74\xf0"), INSTRUCTION_CONDITIONAL, AT - 0xe, "je 0xffffffffc0000ff2",
	  "je 0xffffffffc0000ff2" },
	{ BYTES("\x0f\x87\x00\x01\x00\x00"), INSTRUCTION_CONDITIONAL, AT + 0x106,
	  "ja 0xffffffffc0001106", "ja 0xffffffffc0001106" },
	{ BYTES("\xe3\x02"), INSTRUCTION_CONDITIONAL, AT + 4, "jrcxz 0xffffffffc0001004",
	  "jrcxz 0xffffffffc0001004" },
	{ BYTES("\xff\xe0"), INSTRUCTION_INDIRECT_JUMP, 0, "jmpq *%rax", "jmp rax" },
	{ BYTES("\x3e\xff\xe0"), INSTRUCTION_INDIRECT_JUMP, 0, "notrack jmpq *%rax",
	  "notrack jmp rax" },
	{ BYTES("\xff\xd0"), INSTRUCTION_INDIRECT_CALL, 0, "callq *%rax", "call rax" },
	{ BYTES("\xff\x15\x10\x00\x00\x00"), INSTRUCTION_INDIRECT_CALL, 0, "callq *0x10(%rip)",
	  "call qword ptr [rip + 0x10]" },
	{ BYTES("\xc3"), INSTRUCTION_RETURN, 0, "retq", "ret" },
	{ BYTES("\xc2\x08\x00"), INSTRUCTION_RETURN, 0, "retq $0x8", "ret 0x8" },
	{ BYTES("\x0f\x05"), INSTRUCTION_SYSTEM_CALL, 0, "syscall", "syscall" },
	{ BYTES("\x48\x0f\x07"), INSTRUCTION_SYSTEM_RETURN, 0, "sysretq", SYSRET },
	{ BYTES("\xcc"), INSTRUCTION_INTERRUPT, 0, "int3", "int3" },
	{ BYTES("\x0f\x0b"), INSTRUCTION_INTERRUPT, 0, "ud2", "ud2" },
	{ BYTES("\x48\xcf"), INSTRUCTION_INTERRUPT_RETURN, 0, "iretq", "iretq" },
	{ BYTES("\x0f\x01\xef"), INSTRUCTION_OTHER, 0, "wrpkru", "wrpkru" },
	{ BYTES("\x0f\x01\xe8"), INSTRUCTION_OTHER, 0, "serialize", "serialize" },
	{ BYTES("\x06"), INSTRUCTION_BAD, 0, "(bad)", "(bad)" },
};

static void test_samples(enum instruction_syntax syntax)
{
	struct disassembler *disassembler;
	struct instruction instruction;

	CHECK_EQ(disassembler_new(syntax, &disassembler), 0);
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *sample = &samples[i];

		disassembler_decode(disassembler, sample->bytes, sample->length, AT, &instruction);
		CHECK_STR(instruction.text, syntax == SYNTAX_ATT ? sample->att : sample->intel);
		CHECK_EQ(instruction.length, sample->length);
		CHECK_EQ(instruction.kind, sample->kind);
		CHECK_EQ(instruction.direct, sample->target != 0);
		CHECK_EQ(instruction.target, sample->target);
		CHECK_EQ(instruction.address, AT);
	}
	disassembler_free(disassembler);
}

/* What is cut off is one bad byte, and no byte behind it is looked at. */
static void test_cut(void)
{
	struct disassembler *disassembler;
	struct instruction instruction;

	CHECK_EQ(disassembler_new(SYNTAX_ATT, &disassembler), 0);
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (size_t n = 1; n < samples[i].length; n++) {
			char *exact = malloc(n); /* for the sanitizer */

			memcpy(exact, samples[i].bytes, n);
			disassembler_decode(disassembler, exact, n, AT, &instruction);
			CHECK(instruction.length >= 1 && instruction.length <= n);
			free(exact);
		}
	disassembler_free(disassembler);
}

/* All pairs of opcode bytes before bytes of all kinds: always forward, never too far. */
static void test_anything(enum instruction_syntax syntax)
{
	static const unsigned char fillers[] = { 0x00, 0x24, 0x7f, 0xc1, 0xff };
	struct disassembler *disassembler;
	struct instruction instruction;
	unsigned char bytes[INSTRUCTION_MAX_LENGTH + 5];

	CHECK_EQ(disassembler_new(syntax, &disassembler), 0);
	for (unsigned int n = 0; n < 65536 * ARRAY_SIZE(fillers); n++) {
		memset(bytes, fillers[n >> 16], sizeof(bytes));
		bytes[0] = n >> 8;
		bytes[1] = n;
		disassembler_decode(disassembler, bytes, sizeof(bytes), AT, &instruction);
		CHECK(instruction.length >= 1 && instruction.length <= INSTRUCTION_MAX_LENGTH);
		CHECK(strlen(instruction.text) > 0);
		CHECK(instruction.kind != INSTRUCTION_BAD || instruction.length == 1);
	}
	disassembler_free(disassembler);
}

static void test_references(void)
{
	static const char absolute[] = "\x48\xc7\xc7\x00\x10\x00\x81";
	static const char relative[] = "\x48\x8d\x05\x00\x10\x00\x00";
	static const char small[] = "\x48\xc7\xc0\xff\xff\xff\xff";
	struct disassembler *disassembler;
	struct instruction instruction;

	CHECK_EQ(disassembler_new(SYNTAX_ATT, &disassembler), 0);
	disassembler_decode(disassembler, absolute, 7, AT, &instruction);
	CHECK_EQ(instruction.reference, 0xffffffff81001000ull);
	disassembler_decode(disassembler, relative, 7, AT, &instruction);
	CHECK_EQ(instruction.reference, AT + 7 + 0x1000);
	disassembler_decode(disassembler, small, 7, AT, &instruction);
	CHECK_EQ(instruction.reference, 0);
	disassembler_free(disassembler);
}

int main(void)
{
	test_samples(SYNTAX_ATT);
	test_samples(SYNTAX_INTEL);
	test_cut();
	test_anything(SYNTAX_ATT);
	test_anything(SYNTAX_INTEL);
	test_references();
	return 0;
}
