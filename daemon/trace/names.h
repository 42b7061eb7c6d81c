/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing what a user wrote with the names that there are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/model/target.h"

/* Full name, or the first 15 characters that bpftool shows of a longer one. */
bool name_matches(const char *full, const char *wanted);

/* Looks for the name that is nearest to a mistyped one. */
struct name_suggestion {
	const char *wanted;
	size_t distance; /* of `name`; a name as far away as half of wanted is none */
	char name[TARGET_NAME_MAX]; /* "": none near enough so far */
};

void name_suggestion_init(struct name_suggestion *suggestion, const char *wanted);
void name_suggestion_offer(struct name_suggestion *suggestion, const char *name);
