/* SPDX-License-Identifier: Apache-2.0 */
/* What the place where standard output ends can show: colour, width, line-drawing characters. */
#pragma once

#include <stdbool.h>

enum color_when {
	COLOR_AUTO, /* on a terminal, unless NO_COLOR is set or TERM is dumb */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

enum style {
	STYLE_NONE, /* back to normal */
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_SOURCE, /* file and line */
	STYLE_GOOD,
	STYLE_WARNING,
	STYLE_BAD,
	STYLE_COUNT,
};

/* Pieces of drawing, each one column wide but for the last two. */
struct glyphs {
	const char *first, *middle, *last; /* the bar that holds rows of one function together */
	const char *ellipsis;
	const char *inlined; /* before the name of an inlined function, in short */
	const char *result; /* before a return value */
	const char *times; /* before a count of repetitions */
};

struct terminal {
	bool color;
	bool utf8;
	unsigned int width; /* columns; 0: as many as there are */
	bool fixed_width; /* given by the user or no terminal: it does not follow the window */
	const char *styles[STYLE_COUNT]; /* escape sequences, "" without colour */
	struct glyphs glyphs;
};

/* The narrowest width that is laid out for; below it rows are cut by the terminal. */
#define TERMINAL_MIN_WIDTH 40

/*
 * Looks at `fd`, the locale (setlocale() must have run) and the environment: NO_COLOR, TERM,
 * COLUMNS. `width`: 0 asks the terminal, without one lines are as long as they need to be.
 */
void terminal_init(struct terminal *terminal, int fd, enum color_when color, unsigned int width);

/* Asks for the width of the window again; to be called after SIGWINCH. */
void terminal_resize(struct terminal *terminal, int fd);
