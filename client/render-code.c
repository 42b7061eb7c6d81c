/* SPDX-License-Identifier: Apache-2.0 */
/* A head for each function, then its instructions, as they come in parts. */
#include "client/render-code.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/source-tree.h"
#include "common/macro.h"

#define XLATED_OFFSET_WIDTH 5 /* a program has at most a million instructions */

/* A CodeFunction of io.lbrd; a string without data is absent. */
struct code_function {
	struct json_slice name;
	struct json_slice module;
	struct json_slice address;
	uint64_t program;
	uint64_t size;
	bool continued;
	struct json_slice instructions; /* as they stand in the text */
};

void code_renderer_init(struct code_renderer *renderer, const struct terminal *terminal,
			bool xlated, bool with_bytes, struct source_tree *tree)
{
	*renderer = (struct code_renderer){
		.layout = {
			.terminal = terminal,
			.xlated = xlated,
			.without_bytes = !with_bytes,
		},
		.tree = tree,
	};
}

void code_renderer_deinit(struct code_renderer *renderer)
{
	string_space_deinit(&renderer->strings);
}

static void read_function(struct json_reader *r, struct string_space *strings,
			  struct code_function *ret)
{
	struct json_slice key;
	bool more = false;

	*ret = (struct code_function){ 0 };
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "name"))
			string_space_read(strings, r, &ret->name);
		else if (json_slice_is(&key, "module"))
			string_space_read(strings, r, &ret->module);
		else if (json_slice_is(&key, "address"))
			string_space_read(strings, r, &ret->address);
		else if (json_slice_is(&key, "programId"))
			code_read_number(r, &ret->program);
		else if (json_slice_is(&key, "size"))
			code_read_number(r, &ret->size);
		else if (json_slice_is(&key, "continued"))
			ret->continued = !json_pass_null(r) && json_read_bool(r, &more) && more;
		else if (json_slice_is(&key, "instructions"))
			json_read_raw(r, &ret->instructions);
		else
			json_skip(r);
	}
}

static void render_head(struct code_renderer *renderer, const struct code_function *function,
			struct output *out)
{
	struct text_line line = { .terminal = renderer->layout.terminal };
	bool xlated = renderer->layout.xlated;

	text_line_style(&line, STYLE_BOLD);
	text_line_put(&line, &function->name);
	text_line_style(&line, STYLE_NONE);
	if (function->program) {
		text_line_format(&line, "  program %" PRIu64 ",", function->program);
	} else if (function->module.length) {
		text_line_format(&line, "  [");
		text_line_put(&line, &function->module);
		text_line_format(&line, "]");
	}
	text_line_format(&line, " %s%" PRIu64 " %s", function->program ? "" : " ", function->size,
			 xlated ? "instructions" : "bytes");
	if (!xlated && function->address.length) {
		text_line_format(&line, " at ");
		text_line_put(&line, &function->address);
	}
	if (renderer->any)
		output_append(out, "\n", 1);
	text_line_end(&line, out);
	renderer->any = true;
}

static void begin_function(struct code_renderer *renderer, const struct code_function *function)
{
	struct code_layout *layout = &renderer->layout;
	size_t n = MIN(function->name.length, sizeof(renderer->name));

	memcpy(renderer->name, function->name.data ?: "", n);
	layout->function = (struct json_slice){ renderer->name, n };
	layout->offset_width = XLATED_OFFSET_WIDTH;
	if (!layout->xlated)
		layout->offset_width = code_offset_width(layout, MAX(function->size, 1u) - 1);
}

static int render_instructions(struct code_renderer *renderer, const struct json_slice *text,
			       struct output *out)
{
	struct code_line line;
	struct json_reader r;

	json_reader_init(&r, text->data, text->length);
	json_enter_array(&r);
	while (json_next_element(&r)) {
		code_line_read(&r, &renderer->strings, &line);
		if (r.error)
			break;
		if (renderer->tree)
			code_line_add_text(&line, renderer->tree);
		render_code_source(&renderer->layout, &line, out);
		render_code_line(&renderer->layout, &line,
				 &(struct text_line){ .terminal = renderer->layout.terminal }, out);
	}
	return json_finish(&r);
}

static int render_function(struct code_renderer *renderer, struct json_reader *r,
			   struct output *out)
{
	struct code_function function;

	read_function(r, &renderer->strings, &function);
	if (r->error)
		return r->error;
	if (!function.continued) {
		begin_function(renderer, &function);
		render_head(renderer, &function, out);
	}
	return function.instructions.data ?
		render_instructions(renderer, &function.instructions, out) : 0;
}

int render_code(struct code_renderer *renderer, const struct json_slice *parameters,
		struct output *out)
{
	struct json_slice key;
	struct json_reader r;
	int error = 0;

	if (!string_space_reset(&renderer->strings, parameters->length))
		return -ENOMEM;
	if (renderer->tree)
		source_tree_tidy(renderer->tree);
	json_reader_init(&r, parameters->data, parameters->length);
	json_enter_object(&r);
	while (json_next_key(&r, &key)) {
		if (!json_slice_is(&key, "code")) {
			json_skip(&r);
			continue;
		}
		json_enter_array(&r);
		while (error == 0 && json_next_element(&r))
			error = render_function(renderer, &r, out);
	}
	return error ?: json_finish(&r);
}
