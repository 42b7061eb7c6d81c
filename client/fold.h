/* SPDX-License-Identifier: Apache-2.0 */
/* Repetitions in a list of lines: what comes several times in a row is shown once, with a count. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FOLD_LEVELS 3 /* repetitions within repetitions */

struct fold_line {
	uint64_t content; /* lines of the same content have the same number */
	size_t index; /* of the line in the list of the caller; of the first copy */
	unsigned int opened; /* repetitions that begin with this line */
	unsigned int closed; /* that end with it: times[0] of the innermost */
	unsigned int times[FOLD_LEVELS];
};

/*
 * Folds in place: `lines` are n with `content` and `index` set, the rest zero, and become as many
 * as are returned. Undoing the repetitions gives the list back as it was, by content.
 */
size_t fold_lines(struct fold_line *lines, size_t n);
