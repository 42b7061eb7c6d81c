/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions and their source lines as text, the same in dumps and in paths. */
#pragma once

#include <stdbool.h>

#include "client/code-line.h"
#include "client/output.h"
#include "client/terminal.h"

/* Below this many columns all direct branches are shown by name, without the address. */
#define CODE_SPACIOUS 96

/* The columns; the same for all instructions of a block. */
struct code_layout {
	const struct terminal *terminal;
	bool xlated; /* BPF instructions: no addresses, and the names are in their text */
	bool without_address;
	bool without_bytes;
	unsigned int offset_width;
	struct json_slice function; /* that they are in: of targets there only the offset is told */
};

/* The columns that an offset takes. */
unsigned int code_offset_width(const struct code_layout *layout, uint64_t offset);

/* The source line, if another one begins here. No line is wider than the terminal. */
void render_code_source(const struct code_layout *layout, const struct code_line *line,
			struct output *out);

/* ---- a line that grows, for what stands before and between the instructions ---- */

#define TEXT_LINE_BYTES 2048

/* `width` counts the columns, `data` has escape sequences, too. Begins zero but for `terminal`. */
struct text_line {
	const struct terminal *terminal;
	size_t length;
	unsigned int width;
	bool full; /* it was cut, with an ellipsis in the last column of the terminal */
	size_t last, last_length; /* the character there, when the line ends with it */
	char data[TEXT_LINE_BYTES];
};

void text_line_style(struct text_line *line, enum style style);
/* Sanitized. */
void text_line_put(struct text_line *line, const struct json_slice *text);
__attribute__((format(printf, 2, 3))) void text_line_format(struct text_line *line,
							    const char *format, ...);
void text_line_pad(struct text_line *line, unsigned int width);
/* Without blanks at its end. */
void text_line_end(struct text_line *line, struct output *out);

/* ---- instructions ---- */

/*
 * The instruction, behind what stands in `begun` already; below it the bytes that did not fit
 * beside it.
 */
void render_code_line(const struct code_layout *layout, const struct code_line *line,
		      struct text_line *begun, struct output *out);
