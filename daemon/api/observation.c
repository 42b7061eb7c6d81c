/* SPDX-License-Identifier: Apache-2.0 */
/* Lifetime of observations. */
#include "daemon/api/observation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int observation_new(const struct snapshot *snapshot, const struct audience *audience,
		uint64_t sequence, struct observation **ret)
{
	size_t ids = audience->n_attachments * sizeof(uint32_t);
	struct observation *observation = malloc(sizeof(*observation) + ids);

	if (!observation)
		return -ENOMEM;
	memset(observation, 0, offsetof(struct observation, snapshot));
	observation->n_refs = 1;
	observation->sequence = sequence;
	observation->source = source_ref(audience->source);
	observation->without_branches = audience->without_branches;
	observation->n_attachments = audience->n_attachments;
	/* Of the room for branches, what is used: half of it is copied for nothing else. */
	memcpy(&observation->snapshot, snapshot, offsetof(struct snapshot, branches) +
			snapshot->n_branches * sizeof(snapshot->branches[0]));
	memcpy(observation->attachments, audience->attachments, ids);
	*ret = observation;
	return 0;
}

struct observation *observation_ref(struct observation *observation)
{
	observation->n_refs++;
	return observation;
}

struct observation *observation_unref(struct observation *observation)
{
	if (observation && --observation->n_refs == 0) {
		for (int view = 0; view < N_VIEWS; view++)
			frame_unref(observation->frames[view]);
		source_unref(observation->source);
		free(observation);
	}
	return NULL;
}

size_t observation_size(const struct observation *observation)
{
	size_t size = sizeof(*observation) + observation->n_attachments * sizeof(uint32_t);

	for (int view = 0; view < N_VIEWS; view++)
		if (observation->frames[view])
			size += observation->frames[view]->length;
	return size;
}
