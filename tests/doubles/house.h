/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of lbrd in a test's own process, on the double of the kernel. One only. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Constructs it as main() does. What goes wrong ends the process. */
void house_open(void);
/* Attachments end, peers go, and all is freed: to be followed by nothing but house_open(). */
void house_close(void);

/*
 * The client's end of a new connection, of that user as lbrd sees it; the caller's to close. The
 * policy lets everybody do everything, but only root see addresses.
 */
int house_connect(uid_t uid);

/* Turns the loop until there is nothing more to do at once. */
void house_turn(void);

/* The number of the tracer that was loaded last. */
uint32_t house_last_tracer(void);

/* Detaches everything and takes the turns that it needs. */
void house_clear(void);
