/* SPDX-License-Identifier: Apache-2.0 */
/* A straight run of instructions, from the target of one branch to the source of the next. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/symbol/disassembler.h"

struct bpf_program_map;

/* What is told of what was executed. */
enum path_detail {
	PATH_SOURCE, /* lines */
	PATH_INSTRUCTIONS,
	PATH_WITHOUT_ADDRESSES, /* or'ed to either: rendered without them */
};

/* Why it is not known what was executed. */
enum path_gap {
	PATH_NO_GAP,
	PATH_TRUNCATED, /* the record begins here */
	PATH_TRIMMED, /* branches of the tracer and the trampoline stand here */
	PATH_INTERRUPT, /* an interrupt or a fault came here */
	PATH_NO_CODE, /* the code cannot be read */
	PATH_CHANGED, /* the code is not what ran */
	PATH_BROKEN, /* the ends do not lie in one line: branches are missing in the record */
	PATH_TOO_LONG,
	N_PATH_GAPS,
};

/* How a run ended. */
enum path_end {
	PATH_END_UNKNOWN,
	PATH_END_CONDITIONAL,
	PATH_END_JUMP,
	PATH_END_CALL,
	PATH_END_RETURN,
	PATH_END_INTERRUPT, /* before the instruction that `to` names */
	N_PATH_ENDS,
};

enum path_decision {
	PATH_NO_DECISION, /* no conditional branch */
	PATH_TAKEN,
	PATH_NOT_TAKEN,
};

/* Known code: `bytes` are those of [start, end). */
struct path_code {
	uint64_t start;
	uint64_t end;
	const uint8_t *bytes;
};

/* What is asked: the instructions of [from, to], and whether they lead to `next`. */
struct path_span {
	uint64_t from;
	uint64_t to;
	uint64_t next; /* where the branch at `to` went; 0: not asked */
	bool interrupted; /* the one at `to` was not executed */
	uint64_t function; /* where the function of `from` starts; 0: not known */
};

struct path_instruction {
	struct instruction decoded;
	uint8_t bytes[INSTRUCTION_MAX_LENGTH];
	enum path_decision decision;
	struct location target; /* what it calls, jumps or refers to; address 0: none */
	const struct bpf_program_map *map; /* the one that it loads the address of; NULL: none */
	size_t line; /* of the run */
};

/* Instructions of one source line; without one, of the whole run. */
struct path_line {
	size_t first; /* instruction */
	const char *function; /* the inlined one; NULL: that of the run */
	size_t frame, n_frames; /* in the run's frames: the inlined functions, innermost first */
	const char *file;
	const char *text;
	uint32_t line;
	uint32_t column;
};

struct path_run {
	enum path_gap gap; /* it is none, and has no instructions */
	int error; /* of PATH_NO_CODE: enum code_error */
	struct location start; /* of the first instruction */
	uint64_t from; /* of the first and the last instruction */
	uint64_t to;
	enum path_end end;
	bool patched; /* its last instruction is a place that the kernel patches while it runs */
	size_t n_instructions;
	size_t n_lines;
	struct path_instruction *instructions;
	struct path_line *lines;
	struct location_frame *frames;
	size_t n_frames;
	size_t room_instructions;
	size_t room_lines;
	size_t room_frames;
};

/*
 * Renders a run to text once, when it is first made. Writes at most `size` bytes to `buffer` and
 * returns the length, or more than `size` when it does not fit (it is then called again with room
 * enough).
 */
typedef size_t (*path_render_fn)(const struct path_run *run, enum path_detail detail, char *buffer,
		size_t size);

void path_run_deinit(struct path_run *run);

/*
 * Decodes the span and checks that it can have been executed in one go, branch by branch. 0 with
 * the instructions (locations and lines are left to the caller), -ENOMEM, or the enum path_gap that
 * keeps it from being a run. At most `max` instructions.
 */
int path_run_decode(struct disassembler *disassembler, const struct path_code *code,
		const struct path_span *span, size_t max, struct path_run *ret);

/* Begins the next line with the instruction `first`, inlined in `frames` (copied). -ENOMEM. */
int path_run_add_line(struct path_run *run, const struct path_line *line,
		const struct location_frame *frames, size_t n_frames);
