/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of two columns, told as a story: oldest first, so that the last line, [#00], is where the
 * snapshot was taken. A bar on the left holds together the rows that leave from one function, one
 * after the other.
 *
 * The rule that must not break: on a terminal no line is wider than it is, whatever the names.
 */
#include "client/render-rows.h"

#include <errno.h>
#include <string.h>

#include "client/text.h"
#include "common/macro.h"

#define ROW_FIXED (2 + 6 + 4) /* "| ", "[#NN] ", " -> " */
#define MISS "miss"
#define WIDE_ENOUGH_FOR_NOTES 72
/* All of a row but its labels and their columns: fragments, notes and the blanks between them. */
#define ROW_SIZE 512
#define SOME_BLANKS 32

/* How one event is laid out: the same for all its rows. */
struct layout {
	enum place_detail detail;
	bool shorten;
	unsigned int from, to; /* columns */
	/* Columns of the notes behind the row; 0: not shown. */
	unsigned int type, miss, cycles;
};

static void set_fragment(const struct terminal *terminal, struct fragment *fragment,
			 enum style style, const char *text)
{
	char *end = stpcpy(stpcpy(fragment->text, terminal->styles[style]), text);

	if (*text)
		end = stpcpy(end, terminal->styles[STYLE_NONE]);
	fragment->length = (size_t)(end - fragment->text);
}

void row_renderer_init(struct row_renderer *renderer, const struct terminal *terminal,
		       const struct places *places)
{
	const struct glyphs *glyphs = &terminal->glyphs;
	const char *const bars[BAR_COUNT] = { " ", glyphs->first, glyphs->middle, glyphs->last };
	char text[16], *number;

	*renderer = (struct row_renderer){ .terminal = terminal, .places = places };
	for (unsigned int bar = 0; bar < BAR_COUNT; bar++) {
		for (unsigned int i = 0; i < EVENT_MAX_ROWS; i++) {
			number = stpcpy(stpcpy(text, bars[bar]), " [#00] ") - 4;
			number[0] = (char)('0' + i / 10);
			number[1] = (char)('0' + i % 10);
			set_fragment(terminal, &renderer->beginnings[bar][i], STYLE_DIM, text);
		}
	}
	set_fragment(terminal, &renderer->arrow, STYLE_DIM, " -> ");
	set_fragment(terminal, &renderer->miss, STYLE_BAD, MISS);
	set_fragment(terminal, &renderer->bold, STYLE_BOLD, "");
	set_fragment(terminal, &renderer->dim, STYLE_DIM, "");
	set_fragment(terminal, &renderer->normal, STYLE_NONE, "");
}

static unsigned int decimal_width(uint32_t value)
{
	unsigned int width = 1;

	while (value >= 10) {
		value /= 10;
		width++;
	}
	return width;
}

static unsigned int notes_width(const struct layout *layout)
{
	unsigned int width = 0;

	if (layout->type)
		width += 1 + layout->type;
	if (layout->miss)
		width += 1 + layout->miss;
	if (layout->cycles)
		width += 1 + layout->cycles;
	return width ? width + 1 : 0;
}

static void lay_out_notes(const struct row_renderer *renderer, const struct event *event,
			  struct layout *layout)
{
	bool wide = !renderer->terminal->width ||
		    renderer->terminal->width >= WIDE_ENOUGH_FOR_NOTES;

	for (size_t i = 0; i < event->n_rows; i++) {
		const struct event_row *row = &event->rows[i];

		if (row->mispredicted)
			layout->miss = sizeof(MISS) - 1;
		if (wide && row->type)
			layout->type = MAX(layout->type, row->type_width + 0u);
		if (wide && row->has_cycles)
			layout->cycles = MAX(layout->cycles, decimal_width(row->cycles) + 1);
	}
}

static void measure(const struct event *event, struct layout *layout)
{
	layout->from = layout->to = 0;
	for (size_t i = 0; i < event->n_rows; i++) {
		const struct event_row *row = &event->rows[i];

		layout->from = MAX(layout->from, row->from->labels[layout->detail].width);
		layout->to = MAX(layout->to, row->to->labels[layout->detail].width);
	}
}

static void lay_out(const struct row_renderer *renderer, const struct event *event,
		    struct layout *layout)
{
	unsigned int width = renderer->terminal->width, used;

	*layout = (struct layout){ .detail = PLACE_PATH };
	lay_out_notes(renderer, event, layout);
	measure(event, layout);
	used = ROW_FIXED + notes_width(layout);
	if (!width || layout->from + layout->to + used <= width)
		return;

	layout->detail = PLACE_BASENAME;
	measure(event, layout);
	if (layout->from + layout->to + used <= width)
		return;

	/* Both get half of the room; what one does not need is the other's. */
	layout->shorten = true;
	width -= used;
	if (layout->from <= width / 2)
		layout->to = width - layout->from;
	else if (layout->to <= width / 2)
		layout->from = width - layout->to;
	else
		layout->from = width / 2, layout->to = width - width / 2;
}

static const struct label *get_label(const struct row_renderer *renderer,
				     const struct layout *layout, struct place *place,
				     unsigned int width)
{
	if (layout->shorten)
		return place_label_within(renderer->places, place, width);
	return &place->labels[layout->detail];
}

static const struct fragment *get_beginning(const struct row_renderer *renderer,
					    const struct event *event, size_t i)
{
	enum bar bar = BAR_NONE;
	uint64_t function = event->rows[i].from->function;
	bool before = i + 1 < event->n_rows && function == event->rows[i + 1].from->function;
	bool after = i && function == event->rows[i - 1].from->function;

	if (function && (before || after))
		bar = !before ? BAR_FIRST : after ? BAR_MIDDLE : BAR_LAST;
	return &renderer->beginnings[bar][i];
}

/* Fragments are copied whole, whatever their length: the surplus is overwritten by what follows. */
static inline char *put_fragment(char *p, const struct fragment *fragment)
{
	memcpy(p, fragment->text, sizeof(fragment->text));
	return p + fragment->length;
}

static inline char *put_text(char *p, const char *text, size_t length)
{
	memcpy(p, text, length);
	return p + length;
}

/* The first are written whatever their number, for nearly always they are enough. */
static inline char *put_blanks(char *p, unsigned int count)
{
	memset(p, ' ', SOME_BLANKS);
	if (count > SOME_BLANKS)
		memset(p + SOME_BLANKS, ' ', count - SOME_BLANKS);
	return p + count;
}

/*
 * The notes behind a row. Columns that are owed are written only when something follows, for no
 * line ends in a blank.
 */
static char *put_notes(const struct row_renderer *renderer, const struct layout *layout,
		       const struct event_row *row, unsigned int owed, char *p)
{
	char cycles[24];
	size_t n;

	owed++;
	if (layout->type && row->type) {
		p = put_fragment(put_blanks(p, owed + 1), &renderer->dim);
		p = put_fragment(put_text(p, row->type, row->type_width), &renderer->normal);
		owed = layout->type - row->type_width;
	} else if (layout->type) {
		owed += 1 + layout->type;
	}
	if (row->mispredicted) {
		p = put_fragment(put_blanks(p, owed + 1), &renderer->miss);
		owed = 0;
	} else if (layout->miss) {
		owed += 1 + layout->miss;
	}
	if (layout->cycles && row->has_cycles) {
		n = text_decimal(cycles, row->cycles);
		cycles[n++] = 'c';
		p = put_blanks(p, owed + 1 + layout->cycles - (unsigned int)n);
		p = put_fragment(put_text(put_fragment(p, &renderer->dim), cycles, n),
				 &renderer->normal);
	}
	return p;
}

static int put_row(const struct row_renderer *renderer, const struct layout *layout,
		   const struct event *event, size_t i, struct output *out)
{
	const struct event_row *row = &event->rows[i];
	const struct label *from = get_label(renderer, layout, row->from, layout->from);
	const struct label *to = get_label(renderer, layout, row->to, layout->to);
	char *start, *p;
	size_t size;

	if (!from || !to)
		return -ENOMEM;
	size = ROW_SIZE + from->length + layout->from + to->length + layout->to;
	if (size > OUTPUT_SIZE)
		return -EMSGSIZE;
	p = start = output_reserve(out, size);
	p = put_fragment(p, get_beginning(renderer, event, i));
	p = put_blanks(put_text(p, from->text, from->length), layout->from - from->width);
	p = put_fragment(p, &renderer->arrow);
	/* Where the way leads into another function. */
	if (row->to->function != row->from->function)
		p = put_fragment(p, &renderer->bold);
	p = put_text(p, to->text, to->length);
	p = put_notes(renderer, layout, row, layout->to - to->width, p);
	*p++ = '\n';
	output_commit(out, (size_t)(p - start));
	return 0;
}

int render_rows(const struct row_renderer *renderer, const struct event *event,
		struct output *out)
{
	struct layout layout;
	int r;

	lay_out(renderer, event, &layout);
	for (size_t i = event->n_rows; i-- > 0;) {
		r = put_row(renderer, &layout, event, i, out);
		if (r < 0)
			return r;
	}
	return 0;
}
