/* SPDX-License-Identifier: Apache-2.0 */
/* Disassembled functions as lines of text. */
#pragma once

#include "client/render-code-line.h"

struct code_renderer {
	struct code_layout layout; /* of the function that is being written */
	bool any; /* something stands above */
	char name[256]; /* of that function, as it came */
	struct string_space strings;
	struct source_tree *tree; /* borrowed; NULL: none */
};

/* `terminal` must outlive it, and so must `tree`. */
void code_renderer_init(struct code_renderer *renderer, const struct terminal *terminal,
			bool xlated, bool with_bytes, struct source_tree *tree);
void code_renderer_deinit(struct code_renderer *renderer);

/*
 * Renders the parameters of one reply of Dump, which have functions or parts of them. -ENOMEM, or
 * what the reader found wrong.
 */
int render_code(struct code_renderer *renderer, const struct json_slice *parameters,
		struct output *out);
