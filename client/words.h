/* SPDX-License-Identifier: Apache-2.0 */
/* A list of words as people write it: "keep, pid 4242, rate 100". */
#pragma once

#include <stddef.h>

/* Begins as { "" }; what is beyond its room is cut off. */
struct words {
	char text[1024]; /* always terminated */
	size_t length;
};

__attribute__((format(printf, 2, 3))) void words_add(struct words *words, const char *format, ...);
