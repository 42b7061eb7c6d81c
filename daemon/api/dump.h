/* SPDX-License-Identifier: Apache-2.0 */
/* Code on its way to a client: which functions, how far it has come, and its text as JSON. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/symbol/bpf-program.h"
#include "daemon/symbol/code-image.h"
#include "daemon/symbol/disassembler.h"
#include "daemon/symbol/symbols.h"
#include "proto/json-writer.h"

struct dump;

struct dump_config {
	struct symbols *symbols; /* borrowed */
	enum instruction_syntax syntax;
	bool without_bytes;
	bool without_source;
	bool hide; /* addresses, and bytes with them */
};

/* -ENOMEM. */
int dump_new(const struct dump_config *config, struct dump **ret);
void dump_free(struct dump *dump);

/*
 * Appends a function's machine code; takes a reference of its own. -ENOMEM; -EFBIG: more than
 * LIMIT_DUMP_BYTES in all.
 */
int dump_add_image(struct dump *dump, struct code_image *image);

/*
 * Appends the BPF instructions of one function of a program, or of all of them when they are not
 * known apart (`function` SIZE_MAX); takes a reference. -ENOMEM, -EFBIG.
 */
int dump_add_insns(struct dump *dump, struct bpf_program *program, size_t function);

/*
 * Writes the next instructions, `max` at most, as an array of CodeFunction of io.lbrd.varlink.
 * True: there are more. The symbols must be fresh (symbols_refresh()).
 */
bool dump_write(struct dump *dump, size_t max, struct json_writer *w);
