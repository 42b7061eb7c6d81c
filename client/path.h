/* SPDX-License-Identifier: Apache-2.0 */
/* The path of an event: its steps, taken apart. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/code-line.h"
#include "client/memo.h"

#define PATH_MAX_DECISIONS 64

enum path_end {
	PATH_END_NONE, /* not said, or of no kind that is known here */
	PATH_END_CONDITIONAL,
	PATH_END_JUMP,
	PATH_END_CALL,
	PATH_END_RETURN,
	PATH_END_INTERRUPT,
};

/* What conditional branches decided, in order: bit i of `taken`; what is beyond is not counted. */
struct path_decisions {
	unsigned int n;
	uint64_t taken;
};

struct path_line {
	struct json_slice file;
	struct json_slice text;
	struct json_slice function; /* the inlined one */
	struct path_decisions decisions;
	uint64_t offset;
	uint64_t line;
	uint64_t column;
};

/* Strings are unescaped but not sanitized; one without data is absent. */
struct path_step {
	unsigned int depth;
	int branch; /* its number; negative: none */
	enum path_end end;
	struct json_slice symbol;
	struct json_slice module;
	struct json_slice from; /* "?" where it is not told */
	struct json_slice gap; /* absent: a run */
	struct json_slice gap_text;
	size_t first_line, n_lines; /* in path.lines */
	struct json_slice instructions; /* the array as it stands in the text; absent: none */
	struct memo_entry *remembered; /* of `runs`, if that array came before */
};

/* Used again for each event. */
struct path {
	size_t n_steps, n_lines;
	bool has_instructions;
	struct path_step *steps; /* oldest first */
	struct path_line *lines;

	struct memo *runs; /* borrowed: arrays of instructions that came before */
	size_t room_steps, room_lines;
	struct string_space strings;
};

void path_deinit(struct path *path);

/*
 * Takes `text` apart, an array of PathStep of io.lbrd, which must stay as it is for as long as the
 * path is used. 0; -ENOMEM, or what the reader found wrong.
 */
int path_read(struct path *path, const struct json_slice *text);
