/* SPDX-License-Identifier: Apache-2.0 */
/* The path of an event: its source lines, or its instructions, oldest first. */
#pragma once

#include "client/fold.h"
#include "client/memo.h"
#include "client/output.h"
#include "client/path.h"
#include "client/render-code-line.h"
#include "client/terminal.h"
#include "client/views.h"

struct source_item;
struct source_tree;

/* Begins all zero, with the terminal set, which must outlive it. */
struct path_renderer {
	const struct terminal *terminal;
	bool without_bytes; /* of instructions */
	struct source_tree *tree; /* borrowed; NULL: none */
	struct path path;
	/* Of the view of source lines, used again for each event. */
	struct source_item *items;
	struct fold_line *folded;
	size_t n_items, room;
	char *words; /* of all items */
	size_t n_words, room_words;
	/* Of the view of instructions: runs that were read and rendered when they first came. */
	struct memo runs;
	size_t runs_bytes;
	struct output *scratch;
	/* Whole paths that were rendered before. */
	struct views views;
	struct output *view; /* where they are rendered */
	unsigned int width; /* of the terminal, for all that is remembered */
	struct string_space strings;
};

void path_renderer_deinit(struct path_renderer *renderer);

/*
 * Renders `text`, an array of PathStep of io.lbrd: instructions where it has them, else source
 * lines. -ENOMEM, or what the reader found wrong. No line is wider than the terminal.
 */
int render_path(struct path_renderer *renderer, const struct json_slice *text, struct output *out);

/* The halves of it; the path has been read. */
int render_source(struct path_renderer *renderer, struct output *out);
int render_instructions(struct path_renderer *renderer, struct output *out);
/* Gives back what it remembers; the other one, only if that is a lot. */
void instructions_forget(struct path_renderer *renderer);
void instructions_tidy(struct path_renderer *renderer);
