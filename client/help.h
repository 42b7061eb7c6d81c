/* SPDX-License-Identifier: Apache-2.0 */
/* What lbrctl says of itself. */
#pragma once

#include "client/context.h"

/* All commands, in the order in which help lists them; ends with NULL. */
extern const struct command *const commands[];

/* Of one command, or with NULL of lbrctl, on standard output. Returns an enum exit_code. */
int print_help(const struct command *command);
int print_version(void);
