/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every instruction that was executed, as a dump shows it, under the function and the source line
 * it belongs to, with a branch's number where one of the record left.
 *
 * The rule that must not break: nothing is folded, so that the view can be compared with a trace.
 */
#include "client/render-path.h"

#include <string.h>

#include "client/path-words.h"
#include "common/macro.h"

/* Below this many columns the addresses go; the bytes go below CODE_SPACIOUS. */
#define ADDRESSES_FIT 72

static void measure(const struct path_renderer *renderer, struct code_layout *layout)
{
	unsigned int width = renderer->terminal->width;

	*layout = (struct code_layout){
		.terminal = renderer->terminal,
		.numbered = true,
		.without_bytes = renderer->without_bytes || (width && width < CODE_SPACIOUS),
		.without_address = width && width < ADDRESSES_FIT,
	};
	for (size_t i = 0; i < renderer->path.n_instructions; i++)
		layout->offset_width =
			MAX(layout->offset_width,
			    code_offset_width(layout, renderer->path.instructions[i].offset));
}

static void put_function(const struct terminal *terminal, const struct path_step *step,
			 struct output *out)
{
	const struct json_slice *name = step->symbol.data ? &step->symbol : &step->from;
	struct path_words words = { 0 };

	path_words_add(&words, terminal, name);
	if (step->module.data) {
		path_words_format(&words, " [");
		path_words_add(&words, terminal, &step->module);
		path_words_format(&words, "]");
	}
	path_words_format(&words, ":");
	path_words_put(&words, terminal, STYLE_BOLD, terminal->width, out);
	output_append(out, "\n", 1);
}

static void put_gap(const struct terminal *terminal, const struct path_step *step,
		    struct output *out)
{
	unsigned int indent = terminal->width ? MIN(CODE_NUMBER_WIDTH, terminal->width / 4) :
						CODE_NUMBER_WIDTH;
	struct path_words words = { 0 };

	path_words_gap(&words, terminal, step);
	output_spaces(out, indent);
	path_words_put(&words, terminal, path_gap_style(step),
		       terminal->width ? terminal->width - indent : 0, out);
	output_append(out, "\n", 1);
}

static bool same_function(const struct path_step *a, const struct path_step *b)
{
	return a && a->symbol.data && b->symbol.data && a->symbol.length == b->symbol.length &&
	       a->depth == b->depth && !memcmp(a->symbol.data, b->symbol.data, a->symbol.length);
}

void render_instructions(const struct path_renderer *renderer, struct output *out)
{
	const struct terminal *terminal = renderer->terminal;
	const struct path *path = &renderer->path;
	const struct path_step *before = NULL;
	struct code_layout layout;

	measure(renderer, &layout);
	for (size_t i = 0; i < path->n_steps; i++) {
		const struct path_step *step = &path->steps[i];

		if (step->gap.data) {
			put_gap(terminal, step, out);
			continue;
		}
		if (!same_function(before, step))
			put_function(terminal, step, out);
		before = step;
		layout.function = step->symbol;
		for (size_t k = 0; k < step->n_instructions; k++) {
			bool last = k + 1 == step->n_instructions;

			/* An interrupt came before the instruction that it is said to leave. */
			render_code_line(&layout, &path->instructions[step->first_instruction + k],
					 last && step->end != PATH_END_INTERRUPT ? step->branch :
										   CODE_NO_NUMBER,
					 out);
		}
	}
}
