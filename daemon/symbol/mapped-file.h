/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a mapped file that somebody may cut off meanwhile. */
#pragma once

#include <stdbool.h>

/*
 * Calls `fn`, which reads the file but holds nothing that would have to be released. False: a page
 * was not there any more (the kernel sends SIGBUS), and `fn` did not come to its end. Not to be
 * nested, and for one thread only.
 */
bool mapped_file_read(void (*fn)(void *userdata), void *userdata);
