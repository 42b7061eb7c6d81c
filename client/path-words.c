/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that must not break: nothing leaves here for the terminal that was not sanitized. */
#include "client/path-words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/text.h"
#include "common/macro.h"

/* More decisions than this in one line of source are counted, not listed. */
#define LISTED_DECISIONS 4

void path_words_add(struct path_words *words, const struct terminal *terminal,
		    const struct json_slice *slice)
{
	size_t n = MIN(slice->length, sizeof(words->text) - 1 - words->length);
	char *end = words->text + words->length;

	if (!slice->data)
		return;
	memcpy(end, slice->data, n);
	for (char *tab = end; (tab = memchr(tab, '\t', n - (size_t)(tab - end)));)
		*tab = ' ';
	words->length += text_sanitize(end, end, n, terminal->utf8);
	words->text[words->length] = '\0';
}

void path_words_format(struct path_words *words, const char *format, ...)
{
	size_t room = sizeof(words->text) - words->length;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(words->text + words->length, room, format, arguments);
	va_end(arguments);
	if (n > 0)
		words->length += MIN((size_t)n, room - 1);
}

void path_words_string(struct path_words *words, const char *text)
{
	size_t n = MIN(strlen(text), sizeof(words->text) - 1 - words->length);

	memcpy(words->text + words->length, text, n);
	words->length += n;
	words->text[words->length] = '\0';
}

static unsigned int count_taken(const struct path_decisions *decisions)
{
	return (unsigned int)__builtin_popcountll(decisions->taken);
}

void path_words_decisions(struct path_words *words, const struct path_decisions *decisions)
{
	unsigned int taken = count_taken(decisions);

	if (decisions->n > LISTED_DECISIONS) {
		path_words_format(words, "%u taken, %u not taken", taken, decisions->n - taken);
		return;
	}
	for (unsigned int i = 0; i < decisions->n; i++)
		path_words_string(words, i ? (decisions->taken >> i & 1 ? ", taken" : ", not taken") :
				  decisions->taken & 1 ? "taken" : "not taken");
}

enum style path_decisions_style(const struct path_decisions *decisions)
{
	unsigned int taken = count_taken(decisions);

	if (!decisions->n)
		return STYLE_DIM;
	return taken == decisions->n ? STYLE_GOOD : taken ? STYLE_BOLD : STYLE_WARNING;
}

void path_words_gap(struct path_words *words, const struct terminal *terminal,
		    const struct path_step *step)
{
	const struct json_slice *text = step->gap_text.data ? &step->gap_text : &step->gap;
	bool interrupt = json_slice_is(&step->gap, "interrupt");

	path_words_string(words, "-- ");
	if (interrupt)
		path_words_add(words, terminal, text);
	if (interrupt && step->symbol.data)
		path_words_string(words, " by ");
	path_words_add(words, terminal, &step->symbol);
	if (!interrupt && step->symbol.data)
		path_words_string(words, ": ");
	if (!interrupt)
		path_words_add(words, terminal, text);
	path_words_string(words, " --");
}

enum style path_gap_style(const struct path_step *step)
{
	/* What is left out on purpose is no cause for alarm. */
	return json_slice_is(&step->gap, "trimmed") || json_slice_is(&step->gap, "truncated") ?
		STYLE_DIM : STYLE_WARNING;
}

bool path_same_text(struct json_slice a, struct json_slice b)
{
	return a.length == b.length && (!a.length || !memcmp(a.data, b.data, a.length));
}

struct json_slice path_basename(struct json_slice file)
{
	const char *slash = file.length ? memrchr(file.data, '/', file.length - 1) : NULL;

	if (slash) {
		file.length -= (size_t)(slash + 1 - file.data);
		file.data = slash + 1;
	}
	return file;
}

unsigned int path_words_width(const struct path_words *words)
{
	return text_width(words->text, words->length);
}

unsigned int path_text_put(const struct path_text *text, const struct terminal *terminal,
			   enum style style, unsigned int width, struct output *out)
{
	size_t length = text->length;
	unsigned int w = text->width;
	bool cut = width && w > width;

	if (!length)
		return 0;
	if (cut)
		length = text_head(text->data, length, width - 1, &w);
	output_string(out, terminal->styles[style]);
	output_append(out, text->data, length);
	if (cut)
		output_string(out, terminal->glyphs.ellipsis);
	output_string(out, terminal->styles[STYLE_NONE]);
	return w + cut;
}

unsigned int path_words_put(const struct path_words *words, const struct terminal *terminal,
			    enum style style, unsigned int width, struct output *out)
{
	const struct path_text text = { words->text, words->length, path_words_width(words) };

	return path_text_put(&text, terminal, style, width, out);
}
