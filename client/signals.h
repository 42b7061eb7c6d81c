/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and a changed window, told to a poll loop. */
#pragma once

#include <stdbool.h>

/*
 * From here on the first SIGINT or SIGTERM is only noted, and a second one, half a second later or
 * more, ends the process by its default action, whatever it is doing. Negative errno.
 */
int signals_init(void);

/* Readable when something was noted since signals_clear(). */
int signals_fd(void);
void signals_clear(void);

/* Whether SIGINT or SIGTERM has arrived. */
bool signals_interrupted(void);
/* Whether the window changed since the last time this was asked. */
bool signals_resized(void);
