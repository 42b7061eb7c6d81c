// SPDX-License-Identifier: Apache-2.0
/*
 * See names.h. The distance is Levenshtein's. It is offered every function of the kernel, so
 * names whose length alone is too far away cost next to nothing.
 */
#include "daemon/trace/names.h"

#include <stdio.h>
#include <string.h>

#include "common/macro.h"

#define CUT_LENGTH 15 /* BPF_OBJ_NAME_LEN - 1 */

bool name_matches(const char *full, const char *wanted)
{
	if (!strcmp(full, wanted))
		return true;
	return strlen(wanted) == CUT_LENGTH && !strncmp(full, wanted, CUT_LENGTH);
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t row[TARGET_NAME_MAX];

	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
			size_t moved = MIN(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = MIN(replaced, moved);
		}
	}
	return row[b_length];
}

void name_suggestion_init(struct name_suggestion *suggestion, const char *wanted)
{
	*suggestion = (struct name_suggestion){
		.wanted = wanted,
		.distance = (strlen(wanted) + 1) / 2,
	};
}

void name_suggestion_offer(struct name_suggestion *suggestion, const char *name)
{
	size_t wanted_length = strlen(suggestion->wanted), length = strlen(name);
	size_t gap = MAX(wanted_length, length) - MIN(wanted_length, length), d;

	if (gap >= suggestion->distance || length >= TARGET_NAME_MAX ||
	    wanted_length >= TARGET_NAME_MAX)
		return;
	d = distance(suggestion->wanted, wanted_length, name, length);
	if (d >= suggestion->distance)
		return;
	suggestion->distance = d;
	snprintf(suggestion->name, sizeof(suggestion->name), "%s", name);
}
