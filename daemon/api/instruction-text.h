/* SPDX-License-Identifier: Apache-2.0 */
/* An instruction as an Instruction object of io.lbrd.varlink, the same in dumps and in paths. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/symbol/bpf-program.h"
#include "daemon/symbol/disassembler.h"
#include "daemon/symbol/path-run.h"
#include "proto/json-writer.h"

struct source_line {
	const char *file;
	const char *text; /* NULL: not known */
	uint32_t line;
	uint32_t column; /* 0: not known */
	const struct location_frame *frames; /* inlined there, innermost first */
	size_t n_frames;
};

struct instruction_text {
	uint64_t address; /* 0: none */
	uint64_t offset;
	const unsigned char *bytes; /* NULL: not wanted */
	size_t n_bytes;
	const char *text;
	enum instruction_kind kind;
	enum path_decision decision;
	const struct location *target; /* NULL: none */
	const struct bpf_program_map *map; /* NULL: none */
	const struct source_line *source; /* where another line begins; NULL: it goes on */
	bool hide; /* addresses; and bytes, which hold them in as many ways as there are */
};

void instruction_text_write(struct json_writer *w, const struct instruction_text *instruction);

/* "taken" or "notTaken"; NULL for no decision. */
const char *decision_word(enum path_decision decision);

/*
 * The member `text`: a source line without the blanks around it. Nothing when nothing is left of
 * it, or when it is NULL.
 */
void source_text_write(struct json_writer *w, const char *text);
