/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule that must not break: what is returned as a run was executed, every instruction of it.
 * So each one must lead to the next, the last to where the record says, and any doubt is a gap.
 *
 * Some places are patched while the kernel runs, and the code may be read in the other state: the
 * five bytes at a function's entry, or behind its endbr64, call the trampoline or do nothing; the
 * direct jump of a tail call and a static key do nothing or jump.
 */
#include "daemon/symbol/path-run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

#define PATCH_LENGTH 5

static const uint8_t nop5[PATCH_LENGTH] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

void path_run_deinit(struct path_run *run)
{
	free(run->instructions);
	free(run->lines);
	free(run->frames);
	*run = (struct path_run){};
}

static int reserve(void **array, size_t n, size_t size, size_t *room)
{
	size_t wanted = MAX(2 * *room, (size_t)32);
	void *grown;

	if (n < *room)
		return 0;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = wanted;
	return 0;
}

int path_run_add_line(struct path_run *run, const struct path_line *line,
		const struct location_frame *frames, size_t n_frames)
{
	int r = reserve((void **)&run->lines, run->n_lines, sizeof(*run->lines),
			&run->room_lines);
	struct path_line *added;

	if (r < 0)
		return r;
	added = &run->lines[run->n_lines++];
	*added = *line;
	added->frame = run->n_frames;
	added->n_frames = n_frames;
	for (size_t i = 0; r == 0 && i < n_frames; i++) {
		r = reserve((void **)&run->frames, run->n_frames, sizeof(*run->frames),
			    &run->room_frames);
		if (r == 0)
			run->frames[run->n_frames++] = frames[i];
	}
	return r;
}

/* Where a call of the trampoline is patched in. */
static bool is_entry_patch(const struct path_span *span, uint64_t address)
{
	uint64_t offset = address - span->function;

	return span->function && (offset == 0 || offset == 4);
}

static void write_branch(uint8_t *bytes, uint8_t opcode, uint64_t from, uint64_t to)
{
	int32_t distance = (int32_t)(to - (from + PATCH_LENGTH));

	bytes[0] = opcode;
	memcpy(bytes + 1, &distance, sizeof(distance));
}

/*
 * The bytes that were executed at `address`, as far as they may differ from those that were read:
 * `bytes` is changed. True: they were patched in.
 */
static bool undo_patch(const struct path_span *span, uint64_t address, bool last, uint8_t *bytes)
{
	bool entry = is_entry_patch(span, address);

	if (last && span->next && !memcmp(bytes, nop5, PATCH_LENGTH)) {
		write_branch(bytes, entry ? 0xe8 : 0xe9, address, span->next);
		return true;
	}
	if (last && span->next && entry && (bytes[0] == 0xe8 || bytes[0] == 0xe9)) {
		write_branch(bytes, bytes[0], address, span->next);
		return true;
	}
	if (!last && entry && (bytes[0] == 0xe8 || bytes[0] == 0xe9))
		memcpy(bytes, nop5, PATCH_LENGTH);
	return false;
}

/* Whether execution can go on at the next instruction, without a branch. */
static bool falls_through(const struct instruction *instruction)
{
	return instruction->kind == INSTRUCTION_OTHER ||
	       instruction->kind == INSTRUCTION_CONDITIONAL;
}

/* How a run ends whose last instruction is this one; UNKNOWN: it does not end a run. */
static enum path_end end_of(const struct instruction *instruction)
{
	switch (instruction->kind) {
	case INSTRUCTION_CONDITIONAL:
		return PATH_END_CONDITIONAL;
	case INSTRUCTION_JUMP:
	case INSTRUCTION_INDIRECT_JUMP:
		return PATH_END_JUMP;
	case INSTRUCTION_CALL:
	case INSTRUCTION_INDIRECT_CALL:
		return PATH_END_CALL;
	case INSTRUCTION_RETURN:
	case INSTRUCTION_SYSTEM_RETURN:
	case INSTRUCTION_INTERRUPT_RETURN:
		return PATH_END_RETURN;
	case INSTRUCTION_SYSTEM_CALL:
	case INSTRUCTION_INTERRUPT:
		return PATH_END_INTERRUPT;
	default:
		return PATH_END_UNKNOWN;
	}
}

static enum path_gap check_last(const struct path_span *span, const struct instruction *last,
		struct path_run *run)
{
	run->end = end_of(last);
	if (run->end == PATH_END_UNKNOWN)
		return PATH_CHANGED;
	if (span->next && last->direct && last->target != span->next)
		return PATH_CHANGED;
	return PATH_NO_GAP;
}

/* Decodes the one at `address` behind the others. */
static int decode_next(struct disassembler *disassembler, const struct path_code *code,
		const struct path_span *span, uint64_t address, struct path_run *run)
{
	size_t left = MIN(code->end - address, (uint64_t)INSTRUCTION_MAX_LENGTH);
	struct path_instruction *next;
	int r = reserve((void **)&run->instructions, run->n_instructions,
			sizeof(*run->instructions), &run->room_instructions);

	if (r < 0)
		return r;
	next = &run->instructions[run->n_instructions++];
	memset(next->bytes, 0, sizeof(next->bytes));
	memcpy(next->bytes, code->bytes + (address - code->start), left);
	if (left >= PATCH_LENGTH && undo_patch(span, address, address == span->to, next->bytes))
		run->patched = true;
	disassembler_decode(disassembler, next->bytes, left, address, &next->decoded);
	next->decision = PATH_NO_DECISION;
	if (next->decoded.kind == INSTRUCTION_CONDITIONAL)
		next->decision = address == span->to ? PATH_TAKEN : PATH_NOT_TAKEN;
	next->target = (struct location){};
	next->map = NULL;
	next->line = 0;
	return 0;
}

int path_run_decode(struct disassembler *disassembler, const struct path_code *code,
		const struct path_span *span, size_t max, struct path_run *run)
{
	uint64_t address = span->from;

	run->n_instructions = run->n_lines = run->n_frames = 0;
	run->patched = false;
	run->end = PATH_END_INTERRUPT;
	if (span->from > span->to)
		return PATH_BROKEN;
	if (span->from < code->start || span->to >= code->end)
		return PATH_BROKEN;

	while (address < span->to || !span->interrupted) {
		const struct instruction *decoded;
		int r;

		if (run->n_instructions == max)
			return PATH_TOO_LONG;
		r = decode_next(disassembler, code, span, address, run);
		if (r < 0)
			return r;
		decoded = &run->instructions[run->n_instructions - 1].decoded;
		if (address == span->to)
			return check_last(span, decoded, run);
		if (!falls_through(decoded))
			return decoded->kind == INSTRUCTION_BAD ? PATH_CHANGED : PATH_BROKEN;
		address += decoded->length;
		if (address > span->to)
			return PATH_CHANGED;
	}
	return PATH_NO_GAP;
}
