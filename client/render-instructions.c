/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every instruction that was executed, under the function and the source line it belongs to:
 * address, offset, bytes, text; a branch's number where one of the record left, and what a
 * conditional one decided.
 *
 * The rule that must not break: nothing is folded, so that the view can be compared with a trace.
 */
#include "client/render-path.h"

#include <stdio.h>
#include <string.h>

#include "client/path-words.h"
#include "common/macro.h"

#define NUMBER_WIDTH 6 /* "[#07] " */
#define WIDEST_BYTES 20u
#define NOTE_WIDTH 9u /* "not taken" */

struct layout {
	unsigned int address, offset, bytes, text; /* columns */
};

static bool names_its_target(const struct path_instruction *instruction)
{
	return instruction->target.data && !memmem(instruction->text.data ?: "",
						   instruction->text.length, "(", 1);
}

/* "callq 0xffffffff81245a10 <htab_map_hash>"; without the address where that is too wide. */
static void say_text(const struct terminal *terminal, const struct path_instruction *instruction,
		     unsigned int width, struct path_words *words)
{
	struct json_slice text = instruction->text;
	const char *blank = text.length ? memrchr(text.data, ' ', text.length) : NULL;

	words->length = 0;
	path_words_add(words, terminal, &text);
	if (!instruction->target.data)
		return;
	path_words_format(words, " <");
	path_words_add(words, terminal, &instruction->target);
	path_words_format(words, ">");
	if (!width || path_words_width(words) <= width || !blank ||
	    !names_its_target(instruction))
		return;
	words->length = 0;
	text.length = (size_t)(blank - text.data);
	path_words_add(words, terminal, &text);
	path_words_format(words, " <");
	path_words_add(words, terminal, &instruction->target);
	path_words_format(words, ">");
}

static unsigned int offset_width(uint64_t offset)
{
	return (unsigned int)snprintf(NULL, 0, "+0x%llx", (unsigned long long)offset);
}

static unsigned int address_width(const struct path_instruction *instruction)
{
	/* Without the 0x. */
	size_t length = MIN(instruction->address.length, (size_t)18);

	return length > 2 ? (unsigned int)length - 2 : 0;
}

static void measure(const struct path_renderer *renderer, struct layout *layout)
{
	unsigned int width = renderer->terminal->width, fixed;
	struct path_words words;
	bool decides = false;

	*layout = (struct layout){ 0 };
	for (size_t i = 0; i < renderer->path.n_instructions; i++) {
		const struct path_instruction *instruction = &renderer->path.instructions[i];

		say_text(renderer->terminal, instruction, 0, &words);
		layout->address = MAX(layout->address, address_width(instruction));
		layout->offset = MAX(layout->offset, offset_width(instruction->offset));
		layout->bytes = MAX(layout->bytes, (unsigned int)instruction->bytes.length);
		layout->text = MAX(layout->text, path_words_width(&words));
		decides = decides || instruction->decision.n;
	}
	layout->bytes = width ? MIN(layout->bytes, WIDEST_BYTES) : layout->bytes;
	if (!width)
		return;
	fixed = NUMBER_WIDTH + layout->address + 1 + layout->offset + 1 + layout->bytes + 2 +
		(decides ? 2 + NOTE_WIDTH : 0);
	if (fixed + 16 > width) { /* then the bytes go, and then the address */
		fixed -= layout->bytes + 1;
		layout->bytes = 0;
	}
	if (fixed + 16 > width) {
		fixed -= layout->address + 1;
		layout->address = 0;
	}
	layout->text = MIN(layout->text, width > fixed + 8 ? width - fixed : 8);
}

/* `text` in a column of `width`; what does not fit ends with an ellipsis. */
static void put_column(const struct terminal *terminal, struct json_slice text,
		       unsigned int width, enum style style, struct output *out)
{
	struct path_words words = { 0 };
	unsigned int used;

	if (!width)
		return;
	path_words_add(&words, terminal, &text);
	used = path_words_put(&words, terminal, style, width, out);
	output_spaces(out, width - used);
}

static void put_instruction(const struct terminal *terminal, const struct layout *layout,
			    const struct path_instruction *instruction, int branch,
			    struct output *out)
{
	struct json_slice address = instruction->address;
	struct path_words words;
	unsigned int used;
	char offset[24];
	int n;

	if (branch >= 0)
		output_printf(out, "%s[#%02d]%s ", terminal->styles[STYLE_DIM], branch,
			      terminal->styles[STYLE_NONE]);
	else
		output_spaces(out, NUMBER_WIDTH);
	if (address.length > 2) {
		address.data += 2;
		address.length -= 2;
	}
	put_column(terminal, address, layout->address, STYLE_NONE, out);
	n = snprintf(offset, sizeof(offset), "+0x%llx", (unsigned long long)instruction->offset);
	output_spaces(out, layout->address ? 1 : 0);
	put_column(terminal, (struct json_slice){ offset, (size_t)n }, layout->offset, STYLE_DIM,
		   out);
	output_spaces(out, layout->bytes ? 1 : 0);
	put_column(terminal, instruction->bytes, layout->bytes, STYLE_DIM, out);
	output_spaces(out, 2);
	say_text(terminal, instruction, layout->text, &words);
	used = path_words_put(&words, terminal, STYLE_NONE, layout->text, out);
	if (instruction->decision.n) {
		output_spaces(out, layout->text - used + 2);
		words.length = 0;
		path_words_decisions(&words, &instruction->decision);
		path_words_put(&words, terminal, path_decisions_style(&instruction->decision), 0,
			       out);
	}
	output_append(out, "\n", 1);
}

/* "; file.c:12:3  text" */
static void put_source(const struct terminal *terminal, const struct path_line *line,
		       struct output *out)
{
	struct json_slice file = path_basename(line->file);
	struct path_words words = { 0 };

	path_words_format(&words, "; ");
	path_words_add(&words, terminal, &file);
	path_words_format(&words, ":%llu", (unsigned long long)line->line);
	if (line->column)
		path_words_format(&words, ":%llu", (unsigned long long)line->column);
	if (line->function.data) {
		path_words_format(&words, " ");
		path_words_add(&words, terminal, &line->function);
	}
	if (line->text.length) {
		path_words_format(&words, "  ");
		path_words_add(&words, terminal, &line->text);
	}
	path_words_put(&words, terminal, STYLE_SOURCE, terminal->width, out);
	output_append(out, "\n", 1);
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
	unsigned int indent = terminal->width ? MIN(NUMBER_WIDTH + 0u, terminal->width / 4) :
						NUMBER_WIDTH;
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
	struct layout layout;

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
		for (size_t k = 0; k < step->n_instructions; k++) {
			const struct path_instruction *instruction =
				&path->instructions[step->first_instruction + k];
			bool last = k + 1 == step->n_instructions;

			if (instruction->has_source)
				put_source(terminal, &instruction->source, out);
			/* An interrupt came before the instruction that it is said to leave. */
			put_instruction(terminal, &layout, instruction,
					last && step->end != PATH_END_INTERRUPT ? step->branch : -1,
					out);
		}
	}
}
