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
	*observation = (struct observation){
		.n_refs = 1,
		.sequence = sequence,
		.source = source_ref(audience->source),
		.without_branches = audience->without_branches,
		.snapshot = *snapshot,
		.n_attachments = audience->n_attachments,
	};
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
