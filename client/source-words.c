/* SPDX-License-Identifier: Apache-2.0 */
/* Each item is put in words once, which are then compared, measured and written. */
#include "client/source-words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"
#include "common/macro.h"

static bool is_trimmed(const struct path_step *step)
{
	return step && json_slice_is(&step->gap, "trimmed");
}

bool source_leaves(const struct source_item *item)
{
	const struct path_step *next = item->next;

	if (item->end == PATH_END_CALL || item->end == PATH_END_RETURN)
		return true;
	return item->end == PATH_END_JUMP && next && next->symbol.data &&
	       !path_same_text(next->symbol, item->step->symbol);
}

static void say_place(const struct terminal *terminal, const struct source_item *item,
		      struct path_words *words)
{
	struct json_slice file = path_basename(item->line->file);
	char number[24];

	if (!file.length)
		return;
	path_words_add(words, terminal, &file);
	number[0] = ':';
	number[1 + text_decimal(number + 1, item->line->line)] = '\0';
	path_words_string(words, number);
}

static void say_text(const struct terminal *terminal, const struct source_item *item,
		     struct path_words *words)
{
	const struct path_line *line = item->line;
	const struct path_step *step = item->step;

	if (line->text.length) {
		path_words_add(words, terminal, &line->text);
		if (!line->function.data)
			return;
		path_words_string(words, "  [inlined ");
		path_words_add(words, terminal, &line->function);
		path_words_string(words, "]");
	} else if (line->function.data) {
		path_words_add(words, terminal, &line->function);
		path_words_string(words, " in ");
		path_words_add(words, terminal, &step->symbol);
	} else if (step->symbol.data) {
		path_words_add(words, terminal, &step->symbol);
		path_words_format(words, "+0x%llx", (unsigned long long)line->offset);
	} else {
		path_words_add(words, terminal, &step->from);
	}
}

/* Where the way leads that leaves the line, when that is another function. */
static void say_end(const struct terminal *terminal, const struct source_item *item,
		    struct path_words *words)
{
	const struct path_step *next = item->next;

	if (item->end == PATH_END_RETURN) {
		path_words_string(words, "return");
	} else if (item->end == PATH_END_CALL && !is_trimmed(next)) {
		path_words_string(words, next && next->symbol.data ? "call " : "call");
		if (next)
			path_words_add(words, terminal, &next->symbol);
	} else if (item->end == PATH_END_JUMP && source_leaves(item)) {
		path_words_string(words, "jump ");
		path_words_add(words, terminal, &next->symbol);
	}
}

static void say_part(const struct terminal *terminal, const struct source_item *item,
		     enum source_part part, struct path_words *words)
{
	switch (part) {
	case PART_PLACE:
		say_place(terminal, item, words);
		return;
	case PART_TEXT:
		say_text(terminal, item, words);
		return;
	case PART_DECISIONS:
		path_words_decisions(words, &item->line->decisions);
		return;
	default:
		say_end(terminal, item, words);
		return;
	}
}

static bool make_room_for_words(struct path_renderer *renderer)
{
	size_t wanted = renderer->n_words + N_PARTS * PATH_WORDS_SIZE;
	char *grown;

	if (wanted <= renderer->room_words)
		return true;
	wanted += renderer->room_words;
	grown = realloc(renderer->words, wanted);
	if (!grown)
		return false;
	renderer->words = grown;
	renderer->room_words = wanted;
	return true;
}

int source_say(struct path_renderer *renderer, struct source_item *item)
{
	const struct terminal *terminal = renderer->terminal;
	struct path_words words;

	if (!make_room_for_words(renderer))
		return -ENOMEM;
	item->words = renderer->n_words;
	for (enum source_part part = 0; part < N_PARTS; part++) {
		words.length = 0;
		if (item->line)
			say_part(terminal, item, part, &words);
		else if (part == PART_TEXT)
			path_words_gap(&words, terminal, item->step);
		memcpy(renderer->words + renderer->n_words, words.text, words.length);
		renderer->n_words += words.length;
		item->lengths[part] = (unsigned short)words.length;
		item->widths[part] = (unsigned short)path_words_width(&words);
	}
	return 0;
}

struct path_text source_said(const struct path_renderer *renderer, const struct source_item *item,
			     enum source_part part)
{
	const char *at = renderer->words + item->words;

	for (enum source_part before = 0; before < part; before++)
		at += item->lengths[before];
	return (struct path_text){ at, item->lengths[part], item->widths[part] };
}

uint64_t source_hash(const struct path_renderer *renderer, const struct source_item *item)
{
	const uint64_t prime = 0x100000001b3u;
	uint64_t hash = 0xcbf29ce484222325u ^ item->step->depth;
	const char *at = renderer->words + item->words;

	for (enum source_part part = 0; part < N_PARTS; part++) {
		hash = (hash ^ (0x100u + item->lengths[part])) * prime;
		for (size_t i = 0; i < item->lengths[part]; i++)
			hash = (hash ^ (unsigned char)*at++) * prime;
	}
	return hash;
}
