/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address, offset, bytes, instruction, and behind a semicolon what it points to and what it
 * decided. The rule that must not break: on a terminal no line is wider than it is.
 */
#include "client/render-code-line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/path-words.h"
#include "client/text.h"
#include "common/macro.h"

#define NARROW 100 /* columns, up to which the column of bytes is */
#define MNEMONIC_WIDTH 8u
#define TEXT_WIDTH 26u /* before the name of a target */

/* ---- a line that grows ---- */

void text_line_style(struct text_line *line, enum style style)
{
	const char *sequence = line->terminal->styles[style];
	size_t n = strlen(sequence);

	if (line->length + n > sizeof(line->data) - 16)
		return;
	memcpy(line->data + line->length, sequence, n);
	line->length += n;
}

/* Makes room for the ellipsis; what sets the style behind the last character stays. */
static void drop_last(struct text_line *line)
{
	char *last = line->data + line->last;

	line->length -= line->last_length;
	memmove(last, last + line->last_length, line->length - line->last);
}

/* What does not fit is cut, with an ellipsis in the last column. */
void text_line_put(struct text_line *line, const struct json_slice *text)
{
	const struct terminal *terminal = line->terminal;
	char clean[TEXT_LINE_BYTES / 2];
	size_t n = MIN(text->length, sizeof(clean));
	unsigned int width;

	if (!text->data || line->full)
		return;
	n = text_sanitize(clean, text->data, n, terminal->utf8);
	width = text_width(clean, n);
	if (line->length + n > sizeof(line->data) - 64)
		return;
	line->full = terminal->width && line->width + width > terminal->width;
	if (line->full && line->width == terminal->width) {
		drop_last(line);
		n = 0;
	} else if (line->full) {
		n = text_head(clean, n, terminal->width - line->width - 1, &width);
	} else if (width && line->width + width == terminal->width) {
		unsigned int before;

		line->last = line->length + text_head(clean, n, width - 1, &before);
		line->last_length = line->length + n - line->last;
	}
	memcpy(line->data + line->length, clean, n);
	line->length += n;
	line->width += width;
	if (!line->full)
		return;
	n = strlen(terminal->glyphs.ellipsis);
	memcpy(line->data + line->length, terminal->glyphs.ellipsis, n);
	line->length += n;
}

void text_line_format(struct text_line *line, const char *format, ...)
{
	char text[TEXT_LINE_BYTES / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_line_put(line, &(struct json_slice){ text, strlen(text) });
}

void text_line_pad(struct text_line *line, unsigned int width)
{
	if (line->width < width)
		text_line_format(line, "%*s", (int)(width - line->width), "");
}

void text_line_end(struct text_line *line, struct output *out)
{
	while (line->length && line->data[line->length - 1] == ' ')
		line->length--;
	output_append(out, line->data, line->length);
	output_append(out, "\n", 1);
}

/* ---- source ---- */

/* "src/filter.bpf.c:41:13"; where room is scarce the directories are left to --json. */
static void put_place(struct text_line *line, const struct code_source *source)
{
	struct json_slice file = line->terminal->width ? path_basename(source->file) : source->file;

	text_line_style(line, STYLE_SOURCE);
	text_line_put(line, &file);
	text_line_format(line, ":%" PRIu64, source->line);
	if (source->column)
		text_line_format(line, ":%" PRIu64, source->column);
	text_line_style(line, STYLE_NONE);
}

void render_code_source(const struct code_layout *layout, const struct code_line *code,
			struct output *out)
{
	struct text_line line = { .terminal = layout->terminal };
	const struct code_source *source = &code->source;
	struct json_slice text = source->text;

	if (!code->has_source)
		return;
	while (text.length && (*text.data == ' ' || *text.data == '\t')) {
		text.data++;
		text.length--;
	}
	text_line_format(&line, "; ");
	put_place(&line, source);
	if (text.length) {
		text_line_format(&line, " ");
		text_line_put(&line, &text);
	}
	for (size_t i = 0; i < source->n_inlined; i++) {
		text_line_format(&line, i ? " in " : "  inlined ");
		text_line_put(&line, &source->inlined[i]);
	}
	text_line_end(&line, out);
}

/* ---- instructions ---- */

unsigned int code_offset_width(const struct code_layout *layout, uint64_t offset)
{
	return (unsigned int)snprintf(NULL, 0, layout->xlated ? "%" PRIu64 : "+0x%" PRIx64, offset);
}

/* How many digits stand in a row; the rest of a longer instruction stands below. */
static size_t digits_per_row(const struct code_layout *layout)
{
	unsigned int width = layout->terminal->width;

	if (layout->xlated)
		return 16;
	return width && width <= NARROW ? 14 : 20;
}

static void put_bytes(const struct code_layout *layout, struct text_line *line,
		      struct json_slice bytes)
{
	unsigned int width = (unsigned int)digits_per_row(layout);

	bytes.length = MIN(bytes.length, (size_t)width);
	width += line->width + 2;
	text_line_style(line, STYLE_DIM);
	text_line_put(line, &bytes);
	text_line_style(line, STYLE_NONE);
	text_line_pad(line, width);
}

static bool has_target(const struct code_line *code)
{
	return code->symbol.length > 0;
}

static bool parse_address(const struct json_slice *text, uint64_t *ret)
{
	char digits[20];

	if (!text->length || text->length >= sizeof(digits))
		return false;
	memcpy(digits, text->data, text->length);
	digits[text->length] = '\0';
	*ret = strtoull(digits, NULL, 16);
	return true;
}

/* Whether it points into its own function; another one may have the same name. */
static bool points_to_own(const struct code_layout *layout, const struct code_line *code)
{
	uint64_t here, there;

	if (!path_same_text(code->symbol, layout->function))
		return false;
	return !parse_address(&code->address, &here) || !parse_address(&code->target, &there) ||
	       here - code->offset == there - code->symbol_offset;
}

/* What the target is called; of a place in the function itself only how far it is in. */
static void put_target(const struct code_layout *layout, struct text_line *line,
		       const struct code_line *code)
{
	bool own = points_to_own(layout, code);

	if (!own)
		text_line_put(line, &code->symbol);
	if (own || code->symbol_offset)
		text_line_format(line, "+0x%" PRIx64, code->symbol_offset);
	if (!own && code->module.length && !json_slice_is(&code->module, "bpf")) {
		text_line_format(line, " [");
		text_line_put(line, &code->module);
		text_line_format(line, "]");
	}
}

/* The mnemonic with the prefix that goes with it; all of the text if nothing follows. */
static size_t mnemonic_length(const struct json_slice *text)
{
	static const char *const prefixes[] = { "lock ", "rep ", "repne ", "repe ", "notrack ",
						"data16 ", "bnd " };
	const char *blank;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (text->length > length && !memcmp(text->data, prefixes[i], length))
			n = length;
	}
	blank = text->length ? memchr(text->data + n, ' ', text->length - n) : NULL;
	return blank ? (size_t)(blank - text->data) : text->length;
}

/* "movq    %rsp, %rbp": the operands below each other; in brief a branch has its target's name. */
static void put_machine_text(const struct code_layout *layout, struct text_line *line,
			     const struct code_line *code, bool named)
{
	struct json_slice mnemonic = code->text, operands = code->text;
	unsigned int start = line->width;

	mnemonic.length = mnemonic_length(&code->text);
	text_line_put(line, &mnemonic);
	if (mnemonic.length == code->text.length)
		return;
	text_line_pad(line, start + MNEMONIC_WIDTH - 1);
	text_line_format(line, " ");
	operands.data += mnemonic.length + 1;
	operands.length -= mnemonic.length + 1;
	if (named)
		put_target(layout, line, code);
	else
		text_line_put(line, &operands);
}

static void put_map(struct text_line *line, const struct code_line *code)
{
	text_line_format(line, "map ");
	if (!code->map.length) {
		text_line_format(line, "%" PRIu64, code->map_id);
		return;
	}
	text_line_put(line, &code->map);
	text_line_format(line, " (%" PRIu64 ")", code->map_id);
}

static void put_decision(struct text_line *line, enum code_decision decision)
{
	text_line_style(line, decision == DECISION_TAKEN ? STYLE_GOOD : STYLE_WARNING);
	text_line_format(line, decision == DECISION_TAKEN ? "taken" : "not taken");
	text_line_style(line, STYLE_NONE);
}

/* Behind the instruction: a name, unless it has been told, and a decision. */
static void put_comment(const struct code_layout *layout, struct text_line *line,
			const struct code_line *code, bool named, unsigned int column)
{
	/* In the text of BPF instructions the names stand already. */
	bool target = !named && !code->map_id && !layout->xlated && has_target(code);

	if (!target && !code->map_id && !code->decision)
		return;
	text_line_pad(line, column);
	text_line_style(line, STYLE_DIM);
	text_line_format(line, "  ; ");
	text_line_style(line, STYLE_NONE);
	if (code->map_id)
		put_map(line, code);
	else if (target)
		put_target(layout, line, code);
	if (!code->decision)
		return;
	text_line_format(line, target || code->map_id ? ", " : "");
	put_decision(line, code->decision);
}

/* The bytes that did not fit beside the instruction. */
static void render_more_bytes(const struct code_layout *layout, struct json_slice bytes,
			      unsigned int column, struct output *out)
{
	size_t digits = digits_per_row(layout);

	while (bytes.length > digits) {
		struct text_line line = { .terminal = layout->terminal };

		bytes.data += digits;
		bytes.length -= digits;
		text_line_pad(&line, column);
		put_bytes(layout, &line, bytes);
		text_line_end(&line, out);
	}
}

static void put_position(const struct code_layout *layout, struct text_line *line,
			 const struct code_line *code)
{
	struct json_slice address = code->address;
	char text[32];

	if (address.length > 2 && !memcmp(address.data, "0x", 2)) {
		address.data += 2;
		address.length -= 2;
	}
	if (address.length && !layout->without_address) {
		text_line_put(line, &address);
		text_line_format(line, "  ");
	}
	snprintf(text, sizeof(text), layout->xlated ? "%" PRIu64 : "+0x%" PRIx64, code->offset);
	text_line_format(line, "%*s  ", (int)layout->offset_width, text);
}

/* Whether a branch has its target's name for operand: there is no room for address and name. */
static bool is_brief(const struct code_layout *layout, const struct code_line *code,
		     unsigned int start)
{
	unsigned int width = layout->terminal->width;
	struct text_line words = { .terminal = layout->terminal };

	if (!width || layout->xlated || !code->direct || !has_target(code))
		return false;
	words.width = start;
	put_comment(layout, &words, code, false, start + TEXT_WIDTH);
	return width < CODE_SPACIOUS || words.full;
}

void render_code_line(const struct code_layout *layout, const struct code_line *code,
		      struct text_line *line, struct output *out)
{
	bool with_bytes = !layout->without_bytes && code->bytes.length;
	unsigned int column, start;
	bool named;

	put_position(layout, line, code);
	column = line->width;
	if (with_bytes)
		put_bytes(layout, line, code->bytes);
	start = line->width;
	named = is_brief(layout, code, start);
	if (layout->xlated)
		text_line_put(line, &code->text);
	else
		put_machine_text(layout, line, code, named);
	put_comment(layout, line, code, named, start + TEXT_WIDTH);
	text_line_end(line, out);
	if (with_bytes)
		render_more_bytes(layout, code->bytes, column, out);
}
