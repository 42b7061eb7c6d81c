/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides once how output looks. Nothing else in lbrctl asks whether standard output is a
 * terminal, so that a golden test sees what a user sees.
 */
#include "client/terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/macro.h"

static const char *const colors[STYLE_COUNT] = {
	[STYLE_NONE] = "\033[0m",
	[STYLE_BOLD] = "\033[1m",
	[STYLE_DIM] = "\033[2m",
	[STYLE_SOURCE] = "\033[36m",
	[STYLE_GOOD] = "\033[32m",
	[STYLE_WARNING] = "\033[1;33m",
	[STYLE_BAD] = "\033[1;31m",
};

static const struct glyphs line_drawing = { "┌", "│", "└", "…", "›", "→ ", "× " };
static const struct glyphs ascii = { ",", "|", "`", "~", ">", "= ", "x " };

static bool wants_color(int fd, enum color_when color)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	if (no_color && *no_color)
		return false;
	return isatty(fd) && term && *term && strcmp(term, "dumb");
}

static unsigned int window_width(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 0;
	return MAX((unsigned int)size.ws_col, TERMINAL_MIN_WIDTH + 0u);
}

void terminal_init(struct terminal *terminal, int fd, enum color_when color, unsigned int width)
{
	const char *columns = getenv("COLUMNS");

	terminal->color = wants_color(fd, color);
	terminal->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	terminal->glyphs = terminal->utf8 ? line_drawing : ascii;
	for (int i = 0; i < STYLE_COUNT; i++)
		terminal->styles[i] = terminal->color ? colors[i] : "";

	if (!width && columns && atoi(columns) > 0)
		width = MAX((unsigned int)atoi(columns), TERMINAL_MIN_WIDTH + 0u);
	terminal->fixed_width = width || !isatty(fd);
	terminal->width = width ? width : window_width(fd);
}

void terminal_resize(struct terminal *terminal, int fd)
{
	if (!terminal->fixed_width)
		terminal->width = window_width(fd);
}
