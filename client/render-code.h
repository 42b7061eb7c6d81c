/* SPDX-License-Identifier: Apache-2.0 */
/* Disassembled functions as lines of text. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "client/output.h"
#include "client/terminal.h"

struct code_renderer {
	const struct terminal *terminal;
	bool xlated;
	bool with_bytes;
	bool any; /* something stands above */
	unsigned int offset_width; /* of the function that is being written */
	char name[256]; /* its name, as it came */
};

/* `terminal` must outlive it. */
void code_renderer_init(struct code_renderer *renderer, const struct terminal *terminal,
			bool xlated, bool with_bytes);

/* One CodeFunction of io.lbrd, or the part of one that this is. */
void render_code(struct code_renderer *renderer, struct json_object *function, struct output *out);
