/* SPDX-License-Identifier: Apache-2.0 */
/* What the view of source lines says, line by line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/path-words.h"
#include "client/render-path.h"

/* What stands in a line of output, each in its place. */
enum source_part {
	PART_PLACE,
	PART_TEXT,
	PART_DECISIONS,
	PART_END,
	N_PARTS,
};

/* One line of output. */
struct source_item {
	const struct path_step *step;
	const struct path_line *line; /* NULL: a gap */
	enum path_end end; /* of the step, with its last line */
	const struct path_step *next; /* where that leads to; NULL: not told */
	size_t words; /* in the renderer's words: those of the parts, one behind the other */
	unsigned short lengths[N_PARTS];
	unsigned short widths[N_PARTS];
};

/* Whether the way leads out of the function with that line. */
bool source_leaves(const struct source_item *item);

/* Puts the item in words, behind those of the items before. -ENOMEM. */
int source_say(struct path_renderer *renderer, struct source_item *item);
/* What was said; valid until the next source_say(). */
struct path_text source_said(const struct path_renderer *renderer, const struct source_item *item,
			     enum source_part part);
/* The same number for items that say the same, as deep. */
uint64_t source_hash(const struct path_renderer *renderer, const struct source_item *item);
