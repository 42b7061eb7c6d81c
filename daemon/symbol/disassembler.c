/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only user of capstone. Its releases differ in small matters of spelling, which are evened
 * out here. The rule that must not break: every call moves on by at least one byte and by no more
 * than it was given, whatever the bytes are.
 */
#include "daemon/symbol/disassembler.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>

#include "common/macro.h"

#define KERNEL_HALF (1ull << 63)

#if CS_API_MAJOR < 5
#define X86_INS_UD1 X86_INS_UD2B /* its name until capstone 5 */
#endif

struct disassembler {
	csh handle;
	cs_insn *scratch; /* made once, so that decoding allocates nothing */
	enum instruction_syntax syntax;
};

int disassembler_new(enum instruction_syntax syntax, struct disassembler **ret)
{
	size_t option = syntax == SYNTAX_ATT ? CS_OPT_SYNTAX_ATT : CS_OPT_SYNTAX_INTEL;
	struct disassembler *disassembler = calloc(1, sizeof(*disassembler));
	struct instruction first;

	if (!disassembler)
		return -ENOMEM;
	disassembler->syntax = syntax;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler->handle) != CS_ERR_OK) {
		free(disassembler);
		return -ENOTSUP;
	}
	if (cs_option(disassembler->handle, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK ||
	    cs_option(disassembler->handle, CS_OPT_SYNTAX, option) != CS_ERR_OK) {
		disassembler_free(disassembler);
		return -ENOTSUP;
	}
	disassembler->scratch = cs_malloc(disassembler->handle);
	if (!disassembler->scratch) {
		disassembler_free(disassembler);
		return -ENOMEM;
	}
	/* At its first instruction the library makes a table. */
	disassembler_decode(disassembler, &(uint8_t){0x90}, 1, 0, &first);
	*ret = disassembler;
	return 0;
}

void disassembler_free(struct disassembler *disassembler)
{
	if (!disassembler)
		return;
	if (disassembler->scratch)
		cs_free(disassembler->scratch, 1);
	cs_close(&disassembler->handle);
	free(disassembler);
}

/* Whether the branch holds its target in itself. */
static bool is_direct(const cs_x86 *x86)
{
	return x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM;
}

static enum instruction_kind kind_of(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	switch (insn->id) {
	case X86_INS_JMP:
		return is_direct(x86) ? INSTRUCTION_JUMP : INSTRUCTION_INDIRECT_JUMP;
	case X86_INS_LJMP:
		return INSTRUCTION_INDIRECT_JUMP;
	case X86_INS_CALL:
		return is_direct(x86) ? INSTRUCTION_CALL : INSTRUCTION_INDIRECT_CALL;
	case X86_INS_LCALL:
		return INSTRUCTION_INDIRECT_CALL;
	case X86_INS_RET:
	case X86_INS_RETF:
	case X86_INS_RETFQ:
		return INSTRUCTION_RETURN;
	case X86_INS_JAE: case X86_INS_JA: case X86_INS_JBE: case X86_INS_JB:
	case X86_INS_JCXZ: case X86_INS_JECXZ: case X86_INS_JRCXZ: case X86_INS_JE:
	case X86_INS_JGE: case X86_INS_JG: case X86_INS_JLE: case X86_INS_JL:
	case X86_INS_JNE: case X86_INS_JNO: case X86_INS_JNP: case X86_INS_JNS:
	case X86_INS_JO: case X86_INS_JP: case X86_INS_JS:
	case X86_INS_LOOP: case X86_INS_LOOPE: case X86_INS_LOOPNE:
		return INSTRUCTION_CONDITIONAL;
	case X86_INS_SYSCALL:
	case X86_INS_SYSENTER:
		return INSTRUCTION_SYSTEM_CALL;
	case X86_INS_SYSRET:
	case X86_INS_SYSEXIT:
#if CS_API_MAJOR >= 5
	case X86_INS_SYSRETQ:
	case X86_INS_SYSEXITQ:
#endif
		return INSTRUCTION_SYSTEM_RETURN;
	case X86_INS_INT:
	case X86_INS_INT1:
	case X86_INS_INT3:
	case X86_INS_INTO:
	case X86_INS_UD0:
	case X86_INS_UD2:
	case X86_INS_UD1:
		return INSTRUCTION_INTERRUPT;
	case X86_INS_IRET:
	case X86_INS_IRETD:
	case X86_INS_IRETQ:
		return INSTRUCTION_INTERRUPT_RETURN;
	default:
		return INSTRUCTION_OTHER;
	}
}

static uint64_t find_reference(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;
	uint64_t value = 0;

	for (size_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_IMM)
			value = operand->imm;
		else if (operand->type == X86_OP_MEM && operand->mem.base == X86_REG_RIP)
			value = insn->address + insn->size + operand->mem.disp;
		else if (operand->type == X86_OP_MEM && operand->mem.segment == X86_REG_INVALID)
			value = operand->mem.disp;
		else
			continue;
		/* Small negative numbers are numbers. */
		if (value >= KERNEL_HALF && value < -(1ull << 20))
			return value;
	}
	return 0;
}

struct text {
	char *data;
	size_t length;
};

static void put(struct text *text, char c)
{
	if (text->length + 1 < INSTRUCTION_TEXT_MAX)
		text->data[text->length++] = c;
}

static void put_string(struct text *text, const char *string)
{
	while (*string)
		put(text, *string++);
}

static void put_number(struct text *text, const char *digits, size_t n)
{
	static const char hexadecimal[] = "0123456789abcdef";
	uint64_t value = 0;
	int shift = 60;

	for (size_t i = 0; i < n; i++)
		value = 10 * value + (digits[i] - '0');
	put_string(text, "0x");
	while (shift && !(value >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put(text, hexadecimal[value >> shift & 15]);
}

/* The scale of (%rax,%rcx,8), [rax + rcx*8] or [rax + 8*rcx], or the number of %st(1). */
static bool stays_decimal(const char *operands, const char *p, size_t n, bool in_parentheses)
{
	return (in_parentheses && p[n] == ')') || p[n] == '*' ||
	       (p >= operands + 2 && p[-1] == '*' && isalnum((unsigned char)p[-2]));
}

/* Decimal numbers become hexadecimal, and memory operands lose their spaces. */
static void put_operands(struct text *text, const char *operands)
{
	bool in_parentheses = false, in_word = false;
	const char *p = operands;

	while (*p) {
		size_t n = in_word ? 0 : strspn(p, "0123456789");

		if (n && !isalpha((unsigned char)p[n]) &&
		    !stays_decimal(operands, p, n, in_parentheses)) {
			put_number(text, p, n);
			p += n;
			continue;
		}
		in_word = isalnum((unsigned char)*p) || *p == '%';
		in_parentheses = *p == '(' || (in_parentheses && *p != ')');
		if (*p != ' ' || !in_parentheses)
			put(text, *p);
		p++;
	}
}

/* movs, cmps, stos, lods, scas, ins: their destination is in the segment es, whatever is said. */
static bool is_string_operation(const cs_insn *insn)
{
	uint8_t opcode = insn->detail->x86.opcode[0];

	return (opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf) ||
	       opcode == 0x6c || opcode == 0x6d;
}

/* Writes the operands with `segment` before `destination`. */
static void put_string_operands(struct text *text, const char *operands, const char *segment,
		const char *destination)
{
	const char *found = strstr(operands, destination);

	if (!found || (found > operands && found[-1] == ':')) {
		put_operands(text, operands);
		return;
	}
	for (const char *p = operands; p < found; p++)
		put(text, *p);
	put_string(text, segment);
	put_string(text, found);
}

static void spell(const struct disassembler *disassembler, const cs_insn *insn,
		struct instruction *ret)
{
	struct text text = { .data = ret->text };

	/* Known to no release before 6. */
	if ((ret->kind == INSTRUCTION_INDIRECT_JUMP || ret->kind == INSTRUCTION_INDIRECT_CALL) &&
	    insn->bytes[0] == 0x3e && strncmp(insn->mnemonic, "notrack", 7))
		put_string(&text, "notrack ");
	put_string(&text, insn->id == X86_INS_UD1 ? "ud1" : insn->mnemonic);
	if (insn->op_str[0]) {
		put(&text, ' ');
		if (!is_string_operation(insn))
			put_operands(&text, insn->op_str);
		else if (disassembler->syntax == SYNTAX_ATT)
			put_string_operands(&text, insn->op_str, "%es:", "(%rdi)");
		else
			put_string_operands(&text, insn->op_str, "es:", "[rdi]");
	}
	ret->text[text.length] = '\0';
}

/* What the kernel executes and capstone 4 does not know: no operands, always these bytes. */
static const struct unknown {
	const char *text;
	uint8_t length;
	uint8_t bytes[4];
} unknown[] = {
	{ "rdpkru", 3, { 0x0f, 0x01, 0xee } },
	{ "wrpkru", 3, { 0x0f, 0x01, 0xef } },
	{ "serialize", 3, { 0x0f, 0x01, 0xe8 } },
	{ "monitorx", 3, { 0x0f, 0x01, 0xfa } },
	{ "mwaitx", 3, { 0x0f, 0x01, 0xfb } },
	{ "tdcall", 4, { 0x66, 0x0f, 0x01, 0xcc } },
	{ "rmpadjust", 4, { 0xf3, 0x0f, 0x01, 0xfe } },
	{ "pvalidate", 4, { 0xf2, 0x0f, 0x01, 0xff } },
};

static void decode_unknown(const void *code, size_t size, struct instruction *ret)
{
	ret->kind = INSTRUCTION_BAD;
	ret->length = 1;
	strcpy(ret->text, "(bad)");
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		if (size < unknown[i].length || memcmp(code, unknown[i].bytes, unknown[i].length))
			continue;
		ret->kind = INSTRUCTION_OTHER;
		ret->length = unknown[i].length;
		strcpy(ret->text, unknown[i].text);
	}
}

void disassembler_decode(struct disassembler *disassembler, const void *code, size_t size,
		uint64_t address, struct instruction *ret)
{
	cs_insn *insn = disassembler->scratch;
	const uint8_t *next = code;
	uint64_t next_address = address;
	size_t left = MIN(size, (size_t)INSTRUCTION_MAX_LENGTH);

	ret->address = address;
	ret->target = 0;
	ret->reference = 0;
	ret->direct = false;
	if (!cs_disasm_iter(disassembler->handle, &next, &left, &next_address, insn) ||
	    insn->size == 0 || insn->size > MIN(size, (size_t)INSTRUCTION_MAX_LENGTH)) {
		decode_unknown(code, size, ret);
		return;
	}
	ret->length = insn->size;
	ret->kind = kind_of(insn);
	ret->direct = ret->kind == INSTRUCTION_CONDITIONAL || ret->kind == INSTRUCTION_JUMP ||
		      ret->kind == INSTRUCTION_CALL;
	if (ret->direct)
		ret->target = insn->detail->x86.operands[0].imm;
	else
		ret->reference = find_reference(insn);
	spell(disassembler, insn, ret);
}
