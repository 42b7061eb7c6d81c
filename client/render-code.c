/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head for the function, then its instructions in columns, each source line above those that it
 * became. The rule that must not break: on a terminal no line is wider than it is.
 */
#include "client/render-code.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/fields.h"
#include "client/text.h"
#include "common/macro.h"

#define LINE_MAX_BYTES 2048
#define NARROW 100 /* columns, up to which the column of bytes is */
#define MNEMONIC_WIDTH 8u
#define TEXT_WIDTH 26u /* before the name of a target */

/* A line as it grows: `width` counts the columns, `data` has escape sequences, too. */
struct line {
	const struct terminal *terminal;
	size_t length;
	unsigned int width;
	bool full;
	char data[LINE_MAX_BYTES];
};

static void put_style(struct line *line, enum style style)
{
	const char *sequence = line->terminal->styles[style];
	size_t n = strlen(sequence);

	if (line->length + n > sizeof(line->data) - 16)
		return;
	memcpy(line->data + line->length, sequence, n);
	line->length += n;
}

/* What does not fit is cut, with an ellipsis in the last column. */
static void put_text(struct line *line, const char *text)
{
	const struct terminal *terminal = line->terminal;
	char clean[LINE_MAX_BYTES / 2];
	size_t n = text_sanitize(clean, text, MIN(strlen(text), sizeof(clean)), terminal->utf8);
	unsigned int width = text_width(clean, n);

	if (line->full || line->length + n > sizeof(line->data) - 64)
		return;
	if (terminal->width && line->width + width > terminal->width) {
		n = text_head(clean, n, terminal->width - line->width - 1, &width);
		line->full = true;
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

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
	char text[LINE_MAX_BYTES / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_text(line, text);
}

static void pad(struct line *line, unsigned int width)
{
	if (line->width < width)
		put(line, "%*s", (int)(width - line->width), "");
}

static void end(struct line *line, struct output *out)
{
	while (line->length && line->data[line->length - 1] == ' ')
		line->length--;
	output_append(out, line->data, line->length);
	output_append(out, "\n", 1);
}

void code_renderer_init(struct code_renderer *renderer, const struct terminal *terminal,
			bool xlated, bool with_bytes)
{
	*renderer = (struct code_renderer){
		.terminal = terminal,
		.xlated = xlated,
		.with_bytes = with_bytes,
	};
}

static void render_head(struct code_renderer *renderer, struct json_object *function,
			struct output *out)
{
	struct line line = { .terminal = renderer->terminal };
	const char *module = get_string(function, "module");
	int64_t program = get_int(function, "programId"), size = get_int(function, "size");

	put_style(&line, STYLE_BOLD);
	put_text(&line, get_string(function, "name"));
	put_style(&line, STYLE_NONE);
	if (program)
		put(&line, "  program %" PRId64 ",", program);
	else if (*module)
		put(&line, "  [%s]", module);
	put(&line, " %s%" PRId64 " %s", program ? "" : " ", size,
	    renderer->xlated ? "instructions" : "bytes");
	if (!renderer->xlated)
		put(&line, " at %s", get_string(function, "address"));
	if (renderer->any)
		output_append(out, "\n", 1);
	end(&line, out);
	renderer->any = true;
}

/* ---- source ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* "src/filter.bpf.c:41:13"; where room is scarce the directories are left to --json. */
static void put_place(struct line *line, struct json_object *source)
{
	const char *file = get_string(source, "file");
	char numbers[48];
	int n;

	n = snprintf(numbers, sizeof(numbers), ":%" PRId64, get_int(source, "line"));
	if (get_int(source, "column"))
		snprintf(numbers + n, sizeof(numbers) - (size_t)n, ":%" PRId64,
			 get_int(source, "column"));
	if (line->terminal->width)
		file = base_name(file);
	put_style(line, STYLE_SOURCE);
	put(line, "%s%s", file, numbers);
	put_style(line, STYLE_NONE);
}

static void put_inlined(struct line *line, struct json_object *inlined)
{
	for (size_t i = 0; i < get_length(inlined); i++)
		put(line, "%s%s", i ? " in " : "  inlined ",
		    get_string(json_object_array_get_idx(inlined, i), "function"));
}

static void render_source(const struct code_renderer *renderer, struct json_object *source,
			  struct output *out)
{
	struct line line = { .terminal = renderer->terminal };
	const char *text = get_string(source, "text");

	text += strspn(text, " \t");
	put(&line, "; ");
	put_place(&line, source);
	if (*text)
		put(&line, " %s", text);
	put_inlined(&line, get_array(source, "inlined"));
	end(&line, out);
}

/* ---- instructions ---- */

/* How many bytes stand in a row; the rest of a longer instruction stands below. */
static size_t bytes_per_row(const struct code_renderer *renderer)
{
	if (renderer->xlated)
		return 8;
	return renderer->terminal->width && renderer->terminal->width <= NARROW ? 7 : 10;
}

static void put_bytes(const struct code_renderer *renderer, struct line *line, const char *bytes)
{
	int digits = 2 * (int)bytes_per_row(renderer);

	put_style(line, STYLE_DIM);
	put(line, "%-*.*s", digits, digits, bytes);
	put_style(line, STYLE_NONE);
	put(line, "  ");
}

/* "movq    %rsp, %rbp": the operands below each other; a prefix goes with the mnemonic. */
static void put_machine_text(struct line *line, const char *text)
{
	static const char *const prefixes[] = { "lock ", "rep ", "repne ", "repe ", "notrack ",
						"data16 ", "bnd " };
	unsigned int start = line->width;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(text, prefixes[i], strlen(prefixes[i])))
			n = strlen(prefixes[i]);
	n += strcspn(text + n, " ");
	put(line, "%.*s", (int)n, text);
	if (!text[n])
		return;
	if (line->width < start + MNEMONIC_WIDTH - 1)
		pad(line, start + MNEMONIC_WIDTH - 1);
	put(line, " %s", text + n + 1);
}

/* What the target is called; of a place in the function itself only how far it is in. */
static void put_target(const struct code_renderer *renderer, struct line *line,
		       struct json_object *target)
{
	const char *symbol = get_string(target, "symbol"), *module = get_string(target, "module");
	int64_t offset = get_int(target, "offset");

	if (strcmp(symbol, renderer->name))
		put_text(line, symbol);
	if (offset || !strcmp(symbol, renderer->name))
		put(line, "+0x%" PRIx64, (uint64_t)offset);
	if (*module && strcmp(module, "bpf"))
		put(line, " [%s]", module);
}

static void put_names(const struct code_renderer *renderer, struct line *line,
		      struct json_object *instruction, unsigned int column)
{
	struct json_object *target = get_object(instruction, "target");
	int64_t map = get_int(instruction, "mapId");
	const char *name = get_string(instruction, "map");

	/* In the text of BPF instructions the names stand already. */
	if (!map && (renderer->xlated || !*get_string(target, "symbol")))
		return;
	pad(line, column);
	put_style(line, STYLE_DIM);
	put(line, "  ; ");
	put_style(line, STYLE_NONE);
	if (map && *name)
		put(line, "map %s (%" PRId64 ")", name, map);
	else if (map)
		put(line, "map %" PRId64, map);
	else
		put_target(renderer, line, target);
}

/* The bytes that did not fit beside the instruction. */
static void render_more_bytes(const struct code_renderer *renderer, const char *bytes,
			      unsigned int column, struct output *out)
{
	size_t digits = 2 * bytes_per_row(renderer), length = strlen(bytes);

	for (size_t i = digits; i < length; i += digits) {
		struct line line = { .terminal = renderer->terminal };

		pad(&line, column);
		put_bytes(renderer, &line, bytes + i);
		end(&line, out);
	}
}

static void render_instruction(const struct code_renderer *renderer,
			       struct json_object *instruction, struct output *out)
{
	struct line line = { .terminal = renderer->terminal };
	const char *address = get_string(instruction, "address");
	const char *bytes = get_string(instruction, "bytes");
	int64_t offset = get_int(instruction, "offset");
	unsigned int column, start;
	char text[32];

	if (renderer->xlated)
		snprintf(text, sizeof(text), "%" PRId64, offset);
	else
		snprintf(text, sizeof(text), "+0x%" PRIx64, (uint64_t)offset);
	if (*address)
		put(&line, "%s  ", address + (strncmp(address, "0x", 2) ? 0 : 2));
	put(&line, "%*s  ", (int)renderer->offset_width, text);
	column = line.width;
	if (renderer->with_bytes && *bytes)
		put_bytes(renderer, &line, bytes);
	start = line.width;
	if (renderer->xlated)
		put_text(&line, get_string(instruction, "text"));
	else
		put_machine_text(&line, get_string(instruction, "text"));
	put_names(renderer, &line, instruction, start + TEXT_WIDTH);
	end(&line, out);
	if (renderer->with_bytes)
		render_more_bytes(renderer, bytes, column, out);
}

static void begin_function(struct code_renderer *renderer, struct json_object *function)
{
	int64_t size = get_int(function, "size");
	char last[32];

	if (renderer->xlated) {
		renderer->offset_width = 5;
	} else {
		snprintf(last, sizeof(last), "+0x%" PRIx64, (uint64_t)(size > 0 ? size - 1 : 0));
		renderer->offset_width = (unsigned int)strlen(last);
	}
	snprintf(renderer->name, sizeof(renderer->name), "%s", get_string(function, "name"));
}

void render_code(struct code_renderer *renderer, struct json_object *function, struct output *out)
{
	struct json_object *instructions = get_array(function, "instructions");

	if (!get_bool(function, "continued")) {
		begin_function(renderer, function);
		render_head(renderer, function, out);
	}
	for (size_t i = 0; i < get_length(instructions); i++) {
		struct json_object *instruction = json_object_array_get_idx(instructions, i);
		struct json_object *source = get_object(instruction, "source");

		if (source)
			render_source(renderer, source, out);
		render_instruction(renderer, instruction, out);
	}
}
