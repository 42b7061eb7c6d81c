// SPDX-License-Identifier: Apache-2.0
/*
 * Remembers the ids of our own tracers for the whole process, since programs.c and targets.c know
 * no struct trace. Ids are not used again by the kernel before 2^31 others were.
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/trace/own.h"
#include "daemon/trace/programs.h"

static uint32_t *own_ids;
static size_t n_own_ids;

int own_add(uint32_t program_id)
{
	uint32_t *grown = reallocarray(own_ids, n_own_ids + 1, sizeof(*own_ids));

	if (!grown)
		return -ENOMEM;
	own_ids = grown;
	own_ids[n_own_ids++] = program_id;
	return 0;
}

void own_remove(uint32_t program_id)
{
	for (size_t i = 0; i < n_own_ids; i++)
		if (own_ids[i] == program_id) {
			own_ids[i] = own_ids[--n_own_ids];
			break;
		}
	if (!n_own_ids) {
		free(own_ids);
		own_ids = NULL;
	}
}

bool program_is_ours(uint32_t id)
{
	for (size_t i = 0; i < n_own_ids; i++)
		if (own_ids[i] == id)
			return true;
	return false;
}
