/* SPDX-License-Identifier: Apache-2.0 */
/* What both views of a path say in the same words. */
#pragma once

#include <stddef.h>

#include "client/output.h"
#include "client/path.h"
#include "client/terminal.h"

/* Sanitized text, some of it cut off: always a valid string. */
#define PATH_WORDS_SIZE 1024

struct path_words {
	size_t length;
	char text[PATH_WORDS_SIZE];
};

/* Sanitized, and measured in columns. */
struct path_text {
	const char *data;
	size_t length;
	unsigned int width;
};

/* Appends; what is beyond the room is cut off. */
void path_words_add(struct path_words *words, const struct terminal *terminal,
		    const struct json_slice *slice);
__attribute__((format(printf, 2, 3))) void path_words_format(struct path_words *words,
							     const char *format, ...);
void path_words_string(struct path_words *words, const char *text);

/* "taken", "not taken, taken"; of many the numbers: "5 taken, 2 not taken". */
void path_words_decisions(struct path_words *words, const struct path_decisions *decisions);
/* The style for them: all one way, or mixed. */
enum style path_decisions_style(const struct path_decisions *decisions);

/* "-- helper: the code cannot be read --" */
void path_words_gap(struct path_words *words, const struct terminal *terminal,
		    const struct path_step *step);
enum style path_gap_style(const struct path_step *step);

/* An absent one is the same as an empty one. */
bool path_same_text(struct json_slice a, struct json_slice b);

/* The last component of a path. */
struct json_slice path_basename(struct json_slice file);

/*
 * Writes `words` in a style, at most `width` columns (0: all) of its start, with an ellipsis when
 * something is missing. Returns the columns.
 */
unsigned int path_words_put(const struct path_words *words, const struct terminal *terminal,
			    enum style style, unsigned int width, struct output *out);
unsigned int path_words_width(const struct path_words *words);
unsigned int path_text_put(const struct path_text *text, const struct terminal *terminal,
			   enum style style, unsigned int width, struct output *out);
