/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for the event, perhaps a notice, then its rows; and the lines in between that say what
 * is missing. The rule that must not break: on a terminal no line is wider than it is, whatever the
 * names.
 */
#include "client/render-event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/text.h"
#include "common/clock.h"
#include "common/macro.h"

#define COMMAND_MAX 64
#define PROCESS_MAX (COMMAND_MAX + 2 * 21)
#define ADDRESS_MAX 18
#define RESULT_MAX 64
#define SHORTEST_TARGET 24u
#define NAME_MAX_BYTES 512

void event_renderer_init(struct event_renderer *renderer, const struct terminal *terminal,
			 const struct places *places)
{
	*renderer = (struct event_renderer){ .terminal = terminal, .clock_second = -1 };
	row_renderer_init(&renderer->rows, terminal, places);
	renderer->path.terminal = terminal;
}

void event_renderer_deinit(struct event_renderer *renderer)
{
	path_renderer_deinit(&renderer->path);
}

static void put_style(const struct event_renderer *renderer, struct output *out, enum style style)
{
	output_string(out, renderer->terminal->styles[style]);
}

/* ---- the header ---- */

static void put_clock(struct event_renderer *renderer, uint64_t nanoseconds, struct output *out)
{
	time_t second = (time_t)(nanoseconds / NS_PER_SECOND);
	unsigned int micro = (unsigned int)(nanoseconds % NS_PER_SECOND / 1000);
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

/* " = -22", at most RESULT_MAX bytes. */
static size_t format_result(const struct event_renderer *renderer, const struct event *event,
			    char *buffer)
{
	const struct json_slice *address = &event->return_address;
	uint64_t value = (uint64_t)event->return_value;
	char *p = buffer;

	if (event->entry)
		return (size_t)(stpcpy(p, " (entry)") - buffer);
	if (!event->has_return_value && !address->data)
		return 0;
	*p++ = ' ';
	p = stpcpy(p, renderer->terminal->glyphs.result);
	if (!event->has_return_value) {
		p += text_sanitize(p, address->data, MIN(address->length, (size_t)ADDRESS_MAX),
				   renderer->terminal->utf8);
	} else {
		if (event->return_value < 0)
			*p++ = '-';
		p += text_decimal(p, event->return_value < 0 ? -value : value);
	}
	return (size_t)(p - buffer);
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

/* Text, its start left out when `after` columns would not remain behind it; returns its columns. */
static unsigned int put_end(const struct event_renderer *renderer, const char *text, size_t length,
			    unsigned int used, unsigned int after, struct output *out)
{
	const struct terminal *terminal = renderer->terminal;
	unsigned int width = text_width(text, length);
	size_t n = length;

	if (terminal->width && used + width + after > terminal->width) {
		n = text_tail(text, length, terminal->width - used - after - 1, &width);
		output_string(out, terminal->glyphs.ellipsis);
		width++;
	}
	output_append(out, text + length - n, n);
	return width;
}

/* The target, and what it returned. */
static void put_target(const struct event_renderer *renderer, const struct event *event,
		       unsigned int used, struct output *out)
{
	size_t length = MIN(event->target.length, (size_t)NAME_MAX_BYTES), result_length;
	char name[NAME_MAX_BYTES], result[RESULT_MAX];
	unsigned int width, result_width;

	result_length = format_result(renderer, event, result);
	result_width = text_width(result, result_length);
	length = text_sanitize(name, event->target.data, length, renderer->terminal->utf8);
	width = text_width(name, length);
	used = next_field(renderer, out, used, MIN(width, SHORTEST_TARGET) + result_width);
	put_style(renderer, out, STYLE_BOLD);
	put_end(renderer, name, length, used, result_width, out);
	put_style(renderer, out, STYLE_NONE);
	output_append(out, result, result_length);
}

static void put_header(struct event_renderer *renderer, const struct event *event,
		       struct output *out)
{
	char number[20], process[PROCESS_MAX];
	size_t n = text_decimal(number, event->sequence), length;
	unsigned int used;

	put_style(renderer, out, STYLE_BOLD);
	output_append(out, "#", 1);
	output_append(out, number, n);
	put_style(renderer, out, STYLE_NONE);
	output_append(out, "  ", 2);
	put_clock(renderer, event->time, out);
	used = (unsigned int)(1 + n + 2 + renderer->clock_length + 7);
	n = text_decimal(number, event->cpu);
	used = next_field(renderer, out, used, 4 + (unsigned int)n) + 4 + (unsigned int)n;
	output_append(out, "cpu ", 4);
	output_append(out, number, n);

	length = format_process(renderer, event, process);
	used = next_field(renderer, out, used, text_width(process, length));
	used += put_end(renderer, process, length, used, 0, out);
	put_target(renderer, event, used, out);
	output_append(out, "\n", 1);
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
	if (renderer->last == LAST_BLOCK || renderer->last == LAST_LOSS)
		output_append(out, "\n", 1);
	renderer->last = event->n_rows || event->path.data ? LAST_BLOCK : LAST_LINE;
	put_header(renderer, event, out);
	put_notice(renderer, event, out);
	if (event->path.data)
		return render_path(&renderer->path, &event->path, out);
	return render_rows(&renderer->rows, event, out);
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
