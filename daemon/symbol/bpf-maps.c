/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel tells the ids of maps in BPF instructions, but in machine code a map is an address
 * like any other. The compiler of x86 keeps the order: each 64-bit load that needs it becomes one
 * movabs, so the two are walked side by side, and every constant on the way must agree.
 *
 * The rule that must not break: where they do not agree no map is named, since a wrong name is
 * worse than none.
 */
#include "daemon/symbol/bpf-maps.h"

#include <string.h>

#define IMM64 (BPF_LD | BPF_IMM | BPF_DW)
#define KERNEL_HALF (1ull << 63)

/* Bytes of machine code, a few microseconds: longer lines are of programs made to be long. */
#define MAX_SEEK 4096

const struct bpf_program_map *bpf_insn_map(const struct bpf_program *program,
		const struct bpf_insn *insn)
{
	if (insn->code != IMM64 ||
	    (insn->src_reg != BPF_PSEUDO_MAP_FD && insn->src_reg != BPF_PSEUDO_MAP_VALUE))
		return NULL;
	for (size_t i = 0; i < program->n_maps; i++)
		if (program->maps[i].id == (uint32_t)insn->imm)
			return &program->maps[i];
	return NULL;
}

void bpf_map_cursor_init(struct bpf_map_cursor *cursor, const struct bpf_program *program,
		size_t function)
{
	*cursor = (struct bpf_map_cursor){
		.program = program,
		.insn = program->functions[function].insn,
		.end = program->n_insns,
	};
	if (function + 1 < program->n_functions)
		cursor->end = program->functions[function + 1].insn;
	cursor->lost = cursor->end > program->n_insns || cursor->insn >= cursor->end;
}

/*
 * movabs into a register of a BPF program. r9 to r12 are the compiler's own: constants there come
 * from no instruction of the program.
 */
static bool is_load(const struct instruction *instruction, const unsigned char *bytes,
		uint64_t *ret)
{
	if (instruction->length != 10 || (bytes[0] & 0xfe) != 0x48 || (bytes[1] & 0xf8) != 0xb8)
		return false;
	if (bytes[0] == 0x49 && (bytes[1] & 7) >= 1 && (bytes[1] & 7) <= 4)
		return false;
	memcpy(ret, bytes + 2, sizeof(*ret));
	return true;
}

static bool fits_32_bits(uint64_t value)
{
	return value <= UINT32_MAX;
}

/* Newer kernels load these with a shorter instruction, older ones do not. */
static bool may_be_short(uint64_t value)
{
	return (int64_t)value == (int32_t)value;
}

/* The constant of a load that is not of a map. */
static uint64_t constant(const struct bpf_program *program, const struct bpf_insn *insn)
{
	uint32_t function = insn[1].imm;

	if (insn->src_reg == BPF_PSEUDO_FUNC && function < program->n_functions)
		return program->functions[function].start;
	return (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm;
}

const struct bpf_program_map *bpf_map_cursor_next(struct bpf_map_cursor *cursor,
		const struct instruction *instruction, const unsigned char *bytes,
		uint32_t *ret_offset)
{
	uint64_t loaded;

	if (cursor->lost || !is_load(instruction, bytes, &loaded))
		return NULL;
	while (cursor->insn + 1 < cursor->end) {
		const struct bpf_insn *insn = &cursor->program->insns[cursor->insn];
		const struct bpf_program_map *map;
		uint64_t value;

		cursor->insn += insn->code == IMM64 ? 2 : 1;
		if (insn->code != IMM64)
			continue;
		map = bpf_insn_map(cursor->program, insn);
		if (map) {
			if (loaded < KERNEL_HALF)
				break;
			*ret_offset = insn->src_reg == BPF_PSEUDO_MAP_VALUE ? insn[1].imm : 0;
			return map;
		}
		value = constant(cursor->program, insn);
		if (value == loaded)
			return NULL;
		if (!fits_32_bits(value) && !may_be_short(value))
			break;
	}
	cursor->lost = true;
	return NULL;
}

void bpf_map_cursor_seek(struct bpf_map_cursor *cursor, struct disassembler *disassembler,
		const struct bpf_machine_code *code, uint64_t address)
{
	uint64_t at = code->start;
	size_t insn = cursor->insn;

	if (bpf_program_find_line_start(cursor->program, code->start, address, &at, &insn))
		cursor->insn = insn;
	cursor->lost |= address - at > MAX_SEEK || cursor->insn >= cursor->end;
	while (!cursor->lost && at < address) {
		const unsigned char *bytes = code->bytes + (at - code->start);
		struct instruction instruction;
		uint32_t offset;

		disassembler_decode(disassembler, bytes, code->start + code->size - at, at,
				    &instruction);
		bpf_map_cursor_next(cursor, &instruction, bytes, &offset);
		at += instruction.length;
	}
}
