/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source lines as a debugger would step through them: where, what, and what was decided. Calls are
 * indented; what repeats is shown once, behind a bar, with a count.
 *
 * The rule that must not break: every line that was executed is shown, in order. Only the rest of a
 * line behind a call that it made is not shown again.
 */
#include "client/render-path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/source-words.h"
#include "client/text.h"
#include "common/macro.h"

#define INDENT 2u
#define WIDEST_PLACE 28u
#define NARROWEST_TEXT 16u
#define DEEPEST 64u

struct layout {
	unsigned int levels; /* of bars */
	unsigned int place, text, note; /* columns */
	unsigned int times;
};

/* ---- which lines ---- */

static bool same_place(const struct source_item *a, const struct source_item *b)
{
	return a->line->file.data && path_same_text(a->line->file, b->line->file) &&
	       a->line->line == b->line->line &&
	       path_same_text(a->line->function, b->line->function) &&
	       path_same_text(a->step->symbol, b->step->symbol);
}

/* The rest of a line that made a call, or was interrupted: nothing new is to be told of it. */
static bool is_rest(const struct source_item *item, const struct source_item *before)
{
	if (!before || item->line->decisions.n || source_leaves(item))
		return false;
	return (before->end == PATH_END_CALL || before->end == PATH_END_INTERRUPT) &&
	       same_place(item, before);
}

static int add_item(struct path_renderer *renderer, const struct source_item *item)
{
	size_t room = MAX(2 * renderer->room, (size_t)128);
	struct source_item *items;
	struct fold_line *folded;

	if (renderer->n_items == renderer->room) {
		items = reallocarray(renderer->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		renderer->items = items;
		folded = reallocarray(renderer->folded, room, sizeof(*folded));
		if (!folded)
			return -ENOMEM;
		renderer->folded = folded;
		renderer->room = room;
	}
	renderer->items[renderer->n_items++] = *item;
	return 0;
}

static int add_lines(struct path_renderer *renderer, const struct path_step *step,
		     const struct path_step *next, size_t *latest)
{
	const struct path *path = &renderer->path;
	int r = 0;

	for (size_t i = 0; r == 0 && i < step->n_lines; i++) {
		bool last = i + 1 == step->n_lines;
		const struct source_item item = {
			.step = step,
			.line = &path->lines[step->first_line + i],
			.end = last ? step->end : PATH_END_NONE,
			.next = last ? next : NULL,
		};
		size_t before = latest[step->depth];

		if (i == 0 && is_rest(&item, before ? &renderer->items[before - 1] : NULL))
			continue;
		r = add_item(renderer, &item);
		latest[step->depth] = renderer->n_items;
	}
	return r;
}

/* `latest` has for each depth the number of the last item there, counted from 1; 0: none. */
static int collect(struct path_renderer *renderer)
{
	const struct path *path = &renderer->path;
	size_t latest[DEEPEST + 1] = { 0 };
	int r = 0;

	renderer->n_items = 0;
	for (size_t i = 0; r == 0 && i < path->n_steps; i++) {
		const struct path_step *step = &path->steps[i];

		if (step->gap.data)
			r = add_item(renderer, &(struct source_item){ .step = step });
		else
			r = add_lines(renderer, step,
				      i + 1 < path->n_steps ? &path->steps[i + 1] : NULL, latest);
		for (size_t depth = step->depth + 1; depth <= DEEPEST; depth++)
			latest[depth] = 0;
	}
	return r;
}

/* ---- on the page ---- */

static unsigned int note_width(const struct source_item *item)
{
	unsigned int decisions = item->widths[PART_DECISIONS], end = item->widths[PART_END];

	return decisions + end + (decisions && end ? 2 : 0);
}

static unsigned int times_width(const struct fold_line *line)
{
	unsigned int width = 0;

	for (unsigned int i = 0; i < line->closed; i++)
		width += 2 + (unsigned int)snprintf(NULL, 0, "x %u", line->times[i]);
	return width;
}

static void measure(const struct path_renderer *renderer, size_t n, struct layout *layout)
{
	unsigned int width = renderer->terminal->width, open = 0, fixed;
	unsigned int widest = MIN(WIDEST_PLACE, width / 3);

	*layout = (struct layout){ .levels = 1 };
	for (size_t i = 0; i < n; i++) {
		const struct fold_line *line = &renderer->folded[i];
		const struct source_item *item = &renderer->items[line->index];

		open += line->opened;
		layout->levels = MAX(layout->levels, open);
		open -= line->closed;
		layout->place = MAX(layout->place, (unsigned int)item->widths[PART_PLACE]);
		layout->times = MAX(layout->times, times_width(line));
		layout->note = MAX(layout->note, note_width(item));
		/* A gap is a sentence across all columns. */
		if (item->line)
			layout->text = MAX(layout->text, INDENT * item->step->depth +
					   item->widths[PART_TEXT]);
	}
	if (!width)
		return;
	layout->note = MIN(layout->note, width / 4);
	layout->place = MIN(layout->place, widest);
	fixed = 2 * layout->levels + (layout->note ? layout->note + 2 : 0) + layout->times;
	if (layout->place && fixed + layout->place + 2 + NARROWEST_TEXT > width)
		layout->place = 0; /* what was done says more than where */
	fixed += layout->place ? layout->place + 2 : 0;
	layout->text = MIN(layout->text, width > fixed + 8 ? width - fixed : 8);
}

/* The bars before a line: of each repetition it is in, the outermost first. */
static void put_bars(const struct terminal *terminal, const struct layout *layout,
		     const struct fold_line *line, unsigned int open, struct output *out)
{
	const struct glyphs *glyphs = &terminal->glyphs;

	output_string(out, terminal->styles[open ? STYLE_DIM : STYLE_NONE]);
	for (unsigned int level = 0; level < layout->levels; level++) {
		bool first = level >= open - line->opened, last = level >= open - line->closed;
		const char *bar = first == last ? glyphs->middle : first ? glyphs->first :
									   glyphs->last;

		output_string(out, level < open ? bar : " ");
		output_append(out, " ", 1);
	}
	output_string(out, open ? terminal->styles[STYLE_NONE] : "");
}

/* The start of a path says less than its end. */
static unsigned int put_place(const struct terminal *terminal, const struct path_text *place,
			      unsigned int width, struct output *out)
{
	unsigned int w = place->width;
	size_t length = place->length;
	bool cut = w > width;

	if (!length)
		return 0;
	if (cut)
		length = text_tail(place->data, length, width - 1, &w);
	output_string(out, terminal->styles[STYLE_SOURCE]);
	output_string(out, cut ? terminal->glyphs.ellipsis : "");
	output_append(out, place->data + place->length - length, length);
	output_string(out, terminal->styles[STYLE_NONE]);
	return w + cut;
}

static unsigned int put_note(const struct path_renderer *renderer, const struct layout *layout,
			     const struct source_item *item, struct output *out)
{
	struct path_text text = source_said(renderer, item, PART_DECISIONS);
	unsigned int used;

	used = path_text_put(&text, renderer->terminal,
			     path_decisions_style(&item->line->decisions), layout->note, out);
	text = source_said(renderer, item, PART_END);
	if (!text.length || (used && used + 2 >= layout->note))
		return used;
	if (used)
		output_append(out, ", ", 2);
	used += used ? 2 : 0;
	return used + path_text_put(&text, renderer->terminal, STYLE_DIM, layout->note - used, out);
}

static void put_times(const struct terminal *terminal, const struct fold_line *line,
		      struct output *out)
{
	for (unsigned int i = 0; i < line->closed; i++)
		output_printf(out, "  %s%s%u%s", terminal->styles[STYLE_BOLD],
			      terminal->glyphs.times, line->times[i],
			      terminal->styles[STYLE_NONE]);
}

static void put_gap(const struct path_renderer *renderer, const struct layout *layout,
		    const struct source_item *item, struct output *out)
{
	unsigned int indent = INDENT * item->step->depth + (layout->place ? layout->place + 2 : 0);
	unsigned int used = 2 * layout->levels + layout->times, room = 0, least;
	const struct path_text text = source_said(renderer, item, PART_TEXT);

	/* A sentence that would be cut off begins further to the left. */
	if (renderer->terminal->width) {
		room = renderer->terminal->width - used;
		least = MIN(room, text.width);
		indent = MIN(indent, room - least);
		room -= indent;
	}
	output_spaces(out, indent);
	path_text_put(&text, renderer->terminal, path_gap_style(item->step), room, out);
}

static void put_line(const struct path_renderer *renderer, const struct layout *layout,
		     const struct fold_line *line, const struct source_item *item,
		     struct output *out)
{
	unsigned int indent = MIN(INDENT * item->step->depth, layout->text / 2), used;
	const struct terminal *terminal = renderer->terminal;
	struct path_text text = source_said(renderer, item, PART_PLACE);
	bool note = item->lengths[PART_DECISIONS] || item->lengths[PART_END];

	if (layout->place) {
		used = put_place(terminal, &text, layout->place, out);
		output_spaces(out, layout->place + 2 - used);
	}
	output_spaces(out, indent);
	text = source_said(renderer, item, PART_TEXT);
	used = indent + path_text_put(&text, terminal,
				      item->line->text.length ? STYLE_NONE : STYLE_DIM,
				      layout->text - indent, out);
	if (!note && !line->closed)
		return;
	output_spaces(out, layout->text - used + (note ? 2 : 0));
	used = note ? put_note(renderer, layout, item, out) : 0;
	if (line->closed && layout->note)
		output_spaces(out, layout->note - used + (note ? 0 : 2));
}

static int say_all(struct path_renderer *renderer)
{
	int r = 0;

	renderer->n_words = 0;
	for (size_t i = 0; r == 0 && i < renderer->n_items; i++) {
		r = source_say(renderer, &renderer->items[i]);
		if (r == 0)
			renderer->folded[i] = (struct fold_line){
				.content = source_hash(renderer, &renderer->items[i]),
				.index = i,
			};
	}
	return r;
}

int render_source(struct path_renderer *renderer, struct output *out)
{
	const struct terminal *terminal = renderer->terminal;
	struct layout layout;
	unsigned int open = 0;
	size_t n;
	int r = collect(renderer);

	if (r == 0)
		r = say_all(renderer);
	if (r < 0)
		return r;
	n = fold_lines(renderer->folded, renderer->n_items);
	measure(renderer, n, &layout);
	for (size_t i = 0; i < n; i++) {
		const struct fold_line *line = &renderer->folded[i];
		const struct source_item *item = &renderer->items[line->index];

		open += line->opened;
		put_bars(terminal, &layout, line, open, out);
		if (item->line)
			put_line(renderer, &layout, line, item, out);
		else
			put_gap(renderer, &layout, item, out);
		put_times(terminal, line, out);
		output_append(out, "\n", 1);
		open -= line->closed;
	}
	return 0;
}
