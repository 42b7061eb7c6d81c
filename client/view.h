/* SPDX-License-Identifier: Apache-2.0 */
/* What to show of an event: the option --view. */
#pragma once

#include <stdbool.h>

#include "client/context.h"

/*
 * *ret is the word of io.lbrd for the view that `text` names, NULL for branches, which need not be
 * asked for. False: there is no such view, which has been said.
 */
bool parse_view(const struct command *command, const char *text, const char **ret);

/* For the help of the commands that have the option. */
#define VIEW_HELP \
	"  --view VIEW      branches, or what was executed between them: source, the source\n" \
	"                   lines in order, with what each condition decided; insns, every\n" \
	"                   instruction"
