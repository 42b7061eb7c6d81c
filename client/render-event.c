/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for the event, then its branches as a table of two columns, told as a story: oldest
 * first, so that the last line, [#00], is where the snapshot was taken. A bar on the left holds
 * together the rows that leave from one function, one after the other.
 *
 * The rule that must not break: on a terminal no line is wider than it is, whatever the names.
 */
#include "client/render-event.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/text.h"
#include "common/macro.h"

#define ROW_FIXED (2 + 6 + 4) /* "| ", "[#NN] ", " -> " */
#define MISS "miss"
#define WIDE_ENOUGH_FOR_NOTES 72
/* All of a row but its labels and their columns: fragments, notes and the blanks between them. */
#define ROW_SIZE 512
#define COMMAND_MAX 64
#define PROCESS_MAX (COMMAND_MAX + 2 * 21)
#define SHORTEST_TARGET 24u
#define NAME_MAX_BYTES 512

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

void event_renderer_init(struct event_renderer *renderer, const struct terminal *terminal,
			 struct places *places)
{
	const struct glyphs *glyphs = &terminal->glyphs;
	const char *const bars[BAR_COUNT] = { " ", glyphs->first, glyphs->middle, glyphs->last };
	char text[16], *number;

	*renderer = (struct event_renderer){ .terminal = terminal, .places = places };
	renderer->clock_second = -1;
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

static void put_style(const struct event_renderer *renderer, struct output *out, enum style style)
{
	output_string(out, renderer->terminal->styles[style]);
}

/* ---- the header ---- */

static void put_clock(struct event_renderer *renderer, uint64_t nanoseconds, struct output *out)
{
	time_t second = (time_t)(nanoseconds / 1000000000);
	unsigned int micro = (unsigned int)(nanoseconds % 1000000000 / 1000);
	char fraction[7] = ".000000";

	if (second != renderer->clock_second) {
		struct tm tm;

		localtime_r(&second, &tm);
		renderer->clock_length =
			strftime(renderer->clock, sizeof(renderer->clock), "%H:%M:%S", &tm);
		renderer->clock_second = second;
	}
	for (int i = 6; i > 0; i--, micro /= 10)
		fraction[i] = (char)('0' + micro % 10);
	output_append(out, renderer->clock, renderer->clock_length);
	output_append(out, fraction, sizeof(fraction));
}

/* "nginx/4242/4243", at most PROCESS_MAX bytes. */
static size_t format_process(const struct event_renderer *renderer, const struct event *event,
			     char *buffer)
{
	size_t length = MIN(event->command.length, (size_t)COMMAND_MAX);
	size_t n = text_sanitize(buffer, event->command.data, length, renderer->terminal->utf8);

	buffer[n++] = '/';
	n += text_decimal(buffer + n, event->pid);
	if (event->tid != event->pid) {
		buffer[n++] = '/';
		n += text_decimal(buffer + n, event->tid);
	}
	return n;
}

static size_t format_result(const struct event_renderer *renderer, const struct event *event,
			    char *buffer, size_t size)
{
	const char *result = renderer->terminal->glyphs.result;
	int n = 0;

	if (event->entry)
		n = snprintf(buffer, size, " (entry)");
	else if (event->has_return_value)
		n = snprintf(buffer, size, " %s%lld", result, (long long)event->return_value);
	else if (event->return_address.data)
		n = snprintf(buffer, size, " %s%.*s", result,
			     (int)MIN(event->return_address.length, (size_t)18),
			     event->return_address.data);
	return (size_t)n;
}

/*
 * Begins the next field of the header, `least` columns wide: two blanks, or where the terminal is
 * too narrow for it a new line. Returns the columns used so far.
 */
static unsigned int next_field(const struct event_renderer *renderer, struct output *out,
			       unsigned int used, unsigned int least)
{
	unsigned int width = renderer->terminal->width;

	if (!width || used + 2 + least <= width) {
		output_append(out, "  ", 2);
		return used + 2;
	}
	output_append(out, "\n    ", 5);
	return 4;
}

/* The target, its start left out when there is no room for it, and what it returned. */
static void put_target(const struct event_renderer *renderer, const struct event *event,
		       unsigned int used, struct output *out)
{
	const struct terminal *terminal = renderer->terminal;
	size_t length = MIN(event->target.length, (size_t)NAME_MAX_BYTES), n, result_length;
	char name[NAME_MAX_BYTES], result[64];
	unsigned int width, result_width, w;

	result_length = format_result(renderer, event, result, sizeof(result));
	result_width = text_width(result, result_length);
	n = length = text_sanitize(name, event->target.data, length, terminal->utf8);
	width = text_width(name, length);
	used = next_field(renderer, out, used, MIN(width, SHORTEST_TARGET) + result_width);
	put_style(renderer, out, STYLE_BOLD);
	if (terminal->width && used + width + result_width > terminal->width) {
		n = text_tail(name, length, terminal->width - used - result_width - 1, &w);
		output_string(out, terminal->glyphs.ellipsis);
	}
	output_append(out, name + length - n, n);
	put_style(renderer, out, STYLE_NONE);
	output_append(out, result, result_length);
}

static void put_header(struct event_renderer *renderer, const struct event *event,
		       struct output *out)
{
	char number[20], process[PROCESS_MAX];
	size_t n = text_decimal(number, event->sequence), length;
	unsigned int used, width;

	put_style(renderer, out, STYLE_BOLD);
	output_append(out, "#", 1);
	output_append(out, number, n);
	put_style(renderer, out, STYLE_NONE);
	output_append(out, "  ", 2);
	put_clock(renderer, event->time, out);
	output_append(out, "  cpu ", 6);
	used = (unsigned int)(1 + n + 2 + renderer->clock_length + 7 + 6);
	n = text_decimal(number, event->cpu);
	output_append(out, number, n);
	used += (unsigned int)n;

	length = format_process(renderer, event, process);
	width = text_width(process, length);
	used = next_field(renderer, out, used, width) + width;
	output_append(out, process, length);
	put_target(renderer, event, used, out);
	output_append(out, "\n", 1);
}

/* ---- the rows ---- */

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

static void lay_out_notes(const struct event_renderer *renderer, const struct event *event,
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

static void lay_out(const struct event_renderer *renderer, const struct event *event,
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

static const struct label *get_label(const struct event_renderer *renderer,
				     const struct layout *layout, struct place *place,
				     unsigned int width)
{
	if (layout->shorten)
		return place_label_within(renderer->places, place, width);
	return &place->labels[layout->detail];
}

static const struct fragment *get_beginning(const struct event_renderer *renderer,
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

static inline char *put_blanks(char *p, unsigned int count)
{
	memset(p, ' ', count);
	return p + count;
}

/*
 * The notes behind a row. Columns that are owed are written only when something follows, for no
 * line ends in a blank.
 */
static char *put_notes(const struct event_renderer *renderer, const struct layout *layout,
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

static int put_row(const struct event_renderer *renderer, const struct layout *layout,
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

/* A paragraph behind "  ! ". */
static void put_notice(const struct event_renderer *renderer, const struct event *event,
		       struct output *out)
{
	unsigned int width = renderer->terminal->width;
	size_t length = MIN(event->notice.length, (size_t)NAME_MAX_BYTES), n;
	char text[NAME_MAX_BYTES];

	length = text_sanitize(text, event->notice.data, length, renderer->terminal->utf8);
	for (size_t i = 0; i < length; i += n + (i + n < length && text[i + n] == ' ')) {
		n = text_line(text + i, length - i, width ? width - 4 : 0);
		output_string(out, i ? "    " : "  ! ");
		put_style(renderer, out, STYLE_WARNING);
		output_append(out, text + i, n);
		put_style(renderer, out, STYLE_NONE);
		output_append(out, "\n", 1);
	}
}

int render_event(struct event_renderer *renderer, const struct event *event, struct output *out)
{
	struct layout layout;
	int r;

	if (renderer->last == LAST_BLOCK || renderer->last == LAST_LOSS)
		output_append(out, "\n", 1);
	renderer->last = event->n_rows ? LAST_BLOCK : LAST_LINE;
	put_header(renderer, event, out);
	put_notice(renderer, event, out);
	if (!event->n_rows)
		return 0;
	lay_out(renderer, event, &layout);
	for (size_t i = event->n_rows; i-- > 0;) {
		r = put_row(renderer, &layout, event, i, out);
		if (r < 0)
			return r;
	}
	return 0;
}

static void put_lost_line(const struct event_renderer *renderer, struct output *out,
			  uint64_t count, const char *reason, const char *which)
{
	unsigned int width = renderer->terminal->width, w;
	char line[256];
	int n = snprintf(line, sizeof(line), "-- %" PRIu64 " event%s lost here%s%s%s --", count,
			 count == 1 ? "" : "s", reason ? ": " : "", reason ? reason : "", which);
	size_t length = (size_t)n;

	if (width)
		length = text_head(line, length, width, &w);
	put_style(renderer, out, STYLE_BAD);
	output_append(out, line, length);
	put_style(renderer, out, STYLE_NONE);
	output_append(out, "\n", 1);
}

void render_lost(struct event_renderer *renderer, const struct lost *lost, struct output *out)
{
	uint64_t unexplained = lost->count;
	char which[64] = "";

	if (lost->has_sequences)
		snprintf(which, sizeof(which), " (#%" PRIu64 " to #%" PRIu64 ")",
			 lost->first_sequence, lost->last_sequence);
	if (renderer->last == LAST_BLOCK || renderer->last == LAST_LINE)
		output_append(out, "\n", 1);
	renderer->last = LAST_LOSS;
	for (int i = 0; i < LOSS_COUNT; i++) {
		uint64_t count = lost->losses.count[i];

		if (!count)
			continue;
		put_lost_line(renderer, out, count, loss_reasons[i],
			      i == LOSS_SLOW_OBSERVER ? which : "");
		unexplained -= MIN(unexplained, count);
	}
	if (unexplained)
		put_lost_line(renderer, out, unexplained, NULL, "");
}
