/* SPDX-License-Identifier: Apache-2.0 */
/* What to show of an event: the option --view, and those that go with it. */
#pragma once

#include <stdbool.h>

#include "client/context.h"
#include "client/options.h"

struct view {
	const char *name; /* as io.lbrd has it; NULL: branches, which need not be asked for */
	bool no_bytes; /* of instructions */
	const char *source_tree; /* a directory, or NULL */
};

/* For the tables of the commands that have these options. */
enum {
	OPTION_VIEW = 'a',
	OPTION_VIEW_NO_BYTES,
	OPTION_VIEW_SOURCE_TREE,
};

#define VIEW_OPTIONS \
	{ "view", required_argument, NULL, OPTION_VIEW }, \
	{ "no-bytes", no_argument, NULL, OPTION_VIEW_NO_BYTES }, \
	{ "source-tree", required_argument, NULL, OPTION_VIEW_SOURCE_TREE }

/* Takes one of them. False: it is wrong, which has been said. */
bool view_take_option(const struct command *command, int c, struct view *view);

/* When all are taken: whether they go together. False: it has been said why not. */
bool view_check(const struct command *command, const struct view *view);

/* For the help of these commands. */
#define VIEW_HELP \
	"  --view VIEW      branches, or what was executed between them: source, the source\n" \
	"                   lines in order, with what each condition decided; insns, every\n" \
	"                   instruction\n" \
	"  --source-tree DIR\n" \
	"                   with --view: read the text of kernel lines in files below DIR\n" \
	"  --no-bytes       with --view insns: leave the bytes of instructions out"
