/* SPDX-License-Identifier: Apache-2.0 */
/* Renders the target of a tracer once, for all its events. */
#include "daemon/api/source.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/api/replies.h"

int source_new(const struct target *target, struct source **ret)
{
	struct json_object *json = reply_target(target);
	struct source *source = calloc(1, sizeof(*source));
	struct json_writer w = JSON_WRITER_INIT;
	int r = source ? json_tree_write(&w, json) : -ENOMEM;

	json_object_put(json);
	if (r == 0)
		r = json_writer_take(&w, &source->json, &source->json_length);
	json_writer_deinit(&w);
	if (r < 0) {
		free(source);
		return r;
	}
	source->n_refs = 1;
	source->target = *target;
	*ret = source;
	return 0;
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
