/* SPDX-License-Identifier: Apache-2.0 */
/* An instruction of a dump or of a path, taken apart. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/json-reader.h"

struct source_tree;

/* Functions inlined into each other at one place; those further out are not told. */
#define CODE_MAX_INLINED 8u

/* Where strings with escapes are unescaped to. As many bytes as the text has always do. */
struct string_space {
	char *data;
	size_t used, size;
};

/* Empties it and makes room for `size` bytes. False: no memory. */
bool string_space_reset(struct string_space *space, size_t size);
void string_space_deinit(struct string_space *space);

/* A string, or null, which is a slice without data. */
void string_space_read(struct string_space *space, struct json_reader *r, struct json_slice *ret);

enum code_decision {
	DECISION_NONE,
	DECISION_TAKEN,
	DECISION_NOT_TAKEN,
};

struct code_source {
	struct json_slice file;
	struct json_slice text;
	uint64_t line; /* 0: not known, and so on */
	uint64_t column;
	size_t n_inlined;
	struct json_slice inlined[CODE_MAX_INLINED]; /* innermost first */
};

/* Strings are unescaped but not sanitized; one without data is absent. */
struct code_line {
	struct json_slice address;
	struct json_slice bytes;
	struct json_slice text;
	uint64_t offset;
	bool direct; /* a branch that holds its target in itself */
	enum code_decision decision;
	struct json_slice target; /* the address that it points to */
	struct json_slice symbol; /* what stands there */
	struct json_slice module;
	uint64_t symbol_offset;
	struct json_slice map;
	uint64_t map_id;
	bool has_source; /* another line begins here */
	struct code_source source;
};

/*
 * Reads the object Instruction of io.lbrd that comes next. Valid as long as the text of the reader
 * and the space. What is wrong is for json_finish() to tell.
 */
void code_line_read(struct json_reader *r, struct string_space *space, struct code_line *ret);

/* Where its source line came without text: that of `tree`, as long as that keeps it. */
void code_line_add_text(struct code_line *line, struct source_tree *tree);

/* A number that is not negative, or null, which leaves *ret as it is. */
void code_read_number(struct json_reader *r, uint64_t *ret);
/* A word of the interface: taken, notTaken; another one is none. */
enum code_decision code_read_decision(struct json_reader *r);
