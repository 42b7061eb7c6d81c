/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that must not break: a life is freed only after the caches were swept. */
#include "daemon/symbol/life.h"

#include <stdlib.h>

struct life *life_new(uint64_t from)
{
	struct life *life = calloc(1, sizeof(*life));

	if (life) {
		life->from = from;
		life->until = LIFE_OPEN;
	}
	return life;
}

void life_retire(struct life *life, struct life_list *retired)
{
	if (!life)
		return;
	life->from = LIFE_OPEN;
	life->until = 0;
	SLIST_INSERT_HEAD(retired, life, retired);
}

void lives_free(struct life_list *retired)
{
	while (!SLIST_EMPTY(retired)) {
		struct life *life = SLIST_FIRST(retired);

		SLIST_REMOVE_HEAD(retired, retired);
		free(life);
	}
}
