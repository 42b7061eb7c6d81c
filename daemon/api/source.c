/* SPDX-License-Identifier: Apache-2.0 */
/* Renders the target of a tracer once, for all its events. */
#include "daemon/api/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/replies.h"

int source_new(const struct target *target, struct source **ret)
{
	struct json_object *json = reply_target(target);
	struct source *source = calloc(1, sizeof(*source));
	const char *text;

	if (!json || !source)
		goto fail;
	text = json_object_to_json_string_length(json,
			JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
			&source->json_length);
	source->json = text ? strdup(text) : NULL;
	if (!source->json)
		goto fail;
	json_object_put(json);
	source->n_refs = 1;
	source->target = *target;
	*ret = source;
	return 0;

fail:
	json_object_put(json);
	free(source);
	return -ENOMEM;
}

struct source *source_ref(struct source *source)
{
	source->n_refs++;
	return source;
}

struct source *source_unref(struct source *source)
{
	if (source && --source->n_refs == 0) {
		free(source->json);
		free(source);
	}
	return NULL;
}
