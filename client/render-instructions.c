/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every instruction that was executed, as a dump shows it, under the function and the source line
 * it belongs to, with a branch's number where one of the record left. A stream shows the same runs
 * over and over: each is rendered once, and found again by the bytes it came as.
 *
 * The rule that must not break: nothing is folded, so that the view can be compared with a trace.
 */
#include "client/render-path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/path-words.h"
#include "client/source-tree.h"
#include "common/macro.h"

/* Below this many columns the addresses go; the bytes go below CODE_SPACIOUS. */
#define ADDRESSES_FIT 72
#define NUMBER_WIDTH 6u /* "[#07] " */
#define NO_NUMBER (-1)
#define LEAST_OFFSET_WIDTH 6u /* "+0x123": of most functions, so that runs stand below each other */
#define MAX_RUNS_BYTES (16u << 20)

/* A run as it is shown, but for the number of its last instruction. */
struct run_memory {
	struct memo_entry entry;
	size_t head; /* all before the column of the number */
	size_t tail; /* all behind it */
	char bytes[]; /* the raw array, head, tail */
};

static void release(struct memo_entry *entry)
{
	free(container_of(entry, struct run_memory, entry));
}

void instructions_forget(struct path_renderer *renderer)
{
	memo_clear(&renderer->runs, release);
	renderer->runs_bytes = 0;
}

void instructions_tidy(struct path_renderer *renderer)
{
	if (renderer->runs_bytes > MAX_RUNS_BYTES)
		instructions_forget(renderer);
}

/* ---- a run ---- */

static struct code_layout layout_of(const struct path_renderer *renderer,
				    const struct path_step *step)
{
	unsigned int width = renderer->terminal->width;

	return (struct code_layout){
		.terminal = renderer->terminal,
		.without_bytes = renderer->without_bytes || (width && width < CODE_SPACIOUS),
		.without_address = width && width < ADDRESSES_FIT,
		.offset_width = LEAST_OFFSET_WIDTH,
		.function = step->symbol,
	};
}

static bool has_number(const struct path_step *step)
{
	/* An interrupt came before the instruction that it is said to leave. */
	return step->branch >= 0 && step->end != PATH_END_INTERRUPT;
}

static void put_line(const struct code_layout *layout, const struct code_line *code, int number,
		     struct output *out)
{
	struct text_line line = { .terminal = layout->terminal };

	if (number != NO_NUMBER) {
		text_line_style(&line, STYLE_DIM);
		text_line_format(&line, "[#%02d]", number);
		text_line_style(&line, STYLE_NONE);
	}
	text_line_pad(&line, NUMBER_WIDTH);
	render_code_line(layout, code, &line, out);
}

/*
 * With `number` at its last instruction. *ret_last is where the line of that one begins in `out`,
 * if all of it fits in there.
 */
static int render_run(struct path_renderer *renderer, const struct path_step *step, int number,
		      struct output *out, size_t *ret_last)
{
	const struct code_layout layout = layout_of(renderer, step);
	struct code_line line;
	struct json_reader r;
	bool more;

	if (!string_space_reset(&renderer->strings, step->instructions.length))
		return -ENOMEM;
	json_reader_init(&r, step->instructions.data, step->instructions.length);
	json_enter_array(&r);
	more = json_next_element(&r);
	while (more) {
		code_line_read(&r, &renderer->strings, &line);
		more = json_next_element(&r);
		if (r.error)
			break;
		if (renderer->tree)
			code_line_add_text(&line, renderer->tree);
		render_code_source(&layout, &line, out);
		*ret_last = out->length;
		put_line(&layout, &line, more ? NO_NUMBER : number, out);
	}
	return json_finish(&r);
}

/* NULL in *ret: it is too long to be remembered, or has no instructions. */
static int remember(struct path_renderer *renderer, const struct path_step *step,
		    struct run_memory **ret)
{
	const struct json_slice *raw = &step->instructions;
	struct output *scratch = renderer->scratch;
	struct run_memory *memory;
	size_t last = 0;
	int r;

	*ret = NULL;
	if (!scratch)
		scratch = renderer->scratch = malloc(sizeof(*scratch));
	if (!scratch)
		return -ENOMEM;
	output_init(scratch, -1);
	r = render_run(renderer, step, NO_NUMBER, scratch, &last);
	if (r < 0 || scratch->error || !scratch->length)
		return r;
	memory = malloc(sizeof(*memory) + raw->length + scratch->length);
	if (!memory)
		return -ENOMEM;
	memory->entry.bytes = memcpy(memory->bytes, raw->data, raw->length);
	memory->entry.length = raw->length;
	memory->head = last;
	memory->tail = scratch->length - last - NUMBER_WIDTH;
	memcpy(memory->bytes + raw->length, scratch->data, last);
	memcpy(memory->bytes + raw->length + last, scratch->data + last + NUMBER_WIDTH,
	       memory->tail);
	memo_add(&renderer->runs, &memory->entry, raw->data, raw->length);
	renderer->runs_bytes += sizeof(*memory) + raw->length + scratch->length;
	*ret = memory;
	return 0;
}

static void put_number(const struct terminal *terminal, const struct path_step *step,
		       struct output *out)
{
	if (!has_number(step))
		output_spaces(out, NUMBER_WIDTH);
	else
		output_printf(out, "%s[#%02d]%s ", terminal->styles[STYLE_DIM], step->branch,
			      terminal->styles[STYLE_NONE]);
}

static int put_run(struct path_renderer *renderer, const struct path_step *step,
		   struct output *out)
{
	const struct json_slice *raw = &step->instructions;
	/* It may have come for the first time earlier in the same event. */
	struct memo_entry *entry = step->remembered ?:
		memo_find(&renderer->runs, raw->data, raw->length);
	struct run_memory *memory = entry ? container_of(entry, struct run_memory, entry) : NULL;
	const char *text;
	size_t last;
	int r = 0;

	if (!memory)
		r = remember(renderer, step, &memory);
	if (r < 0)
		return r;
	if (!memory)
		return render_run(renderer, step, has_number(step) ? step->branch : NO_NUMBER,
				  out, &last);
	text = memory->entry.bytes + memory->entry.length;
	output_append(out, text, memory->head);
	put_number(renderer->terminal, step, out);
	output_append(out, text + memory->head, memory->tail);
	return 0;
}

/* ---- what stands between runs ---- */

static void put_function(const struct terminal *terminal, const struct path_step *step,
			 struct output *out)
{
	const struct json_slice *name = step->symbol.data ? &step->symbol : &step->from;
	struct path_words words = { 0 };

	path_words_add(&words, terminal, name);
	if (step->module.data) {
		path_words_string(&words, " [");
		path_words_add(&words, terminal, &step->module);
		path_words_string(&words, "]");
	}
	path_words_string(&words, ":");
	path_words_put(&words, terminal, STYLE_BOLD, terminal->width, out);
	output_append(out, "\n", 1);
}

static void put_gap(const struct terminal *terminal, const struct path_step *step,
		    struct output *out)
{
	unsigned int indent = terminal->width ? MIN(NUMBER_WIDTH, terminal->width / 4) :
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

int render_instructions(struct path_renderer *renderer, struct output *out)
{
	const struct terminal *terminal = renderer->terminal;
	const struct path *path = &renderer->path;
	const struct path_step *before = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < path->n_steps; i++) {
		const struct path_step *step = &path->steps[i];

		if (step->gap.data) {
			put_gap(terminal, step, out);
			continue;
		}
		if (!same_function(before, step))
			put_function(terminal, step, out);
		before = step;
		if (step->instructions.data)
			r = put_run(renderer, step, out);
	}
	return r;
}
