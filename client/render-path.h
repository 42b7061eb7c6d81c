/* SPDX-License-Identifier: Apache-2.0 */
/* The path of an event: its source lines, or its instructions, oldest first. */
#pragma once

#include "client/fold.h"
#include "client/output.h"
#include "client/path.h"
#include "client/render-code-line.h"
#include "client/terminal.h"

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
};

void path_renderer_deinit(struct path_renderer *renderer);

/*
 * Renders `text`, an array of PathStep of io.lbrd: instructions where it has them, else source
 * lines. -ENOMEM, or what the reader found wrong. No line is wider than the terminal.
 */
int render_path(struct path_renderer *renderer, const struct json_slice *text, struct output *out);

/* The halves of it; the path has been read. */
int render_source(struct path_renderer *renderer, struct output *out);
void render_instructions(const struct path_renderer *renderer, struct output *out);
