/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream shows the same few ways through a function over and over. The rule that must not break:
 * a view is found by all bytes of the text it was made of, and by nothing less.
 */
#include "client/views.h"

#include <stdlib.h>
#include <string.h>

/* Of text and view: with all slots full it is a bound of 16 MB. */
#define MAX_VIEW_BYTES (64u << 10)

struct view {
	uint64_t hash;
	size_t text_length;
	size_t rendered_length;
	char bytes[]; /* the text, and what was rendered from it */
};

void views_clear(struct views *views)
{
	for (size_t i = 0; i < VIEWS_SLOTS; i++) {
		free(views->slots[i]);
		views->slots[i] = NULL;
	}
}

uint64_t views_hash(const struct json_slice *text)
{
	uint64_t word, hash = text->length;
	size_t i = 0;

	for (; i + sizeof(word) <= text->length; i += sizeof(word)) {
		memcpy(&word, text->data + i, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	for (; i < text->length; i++)
		hash = (hash ^ (unsigned char)text->data[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

bool views_put(const struct views *views, uint64_t hash, const struct json_slice *text,
	       struct output *out)
{
	const struct view *view = views->slots[hash % VIEWS_SLOTS];

	if (!view || view->hash != hash || view->text_length != text->length ||
	    memcmp(view->bytes, text->data, text->length))
		return false;
	output_append(out, view->bytes + view->text_length, view->rendered_length);
	return true;
}

void views_add(struct views *views, uint64_t hash, const struct json_slice *text,
	       const char *rendered, size_t length)
{
	struct view **slot = &views->slots[hash % VIEWS_SLOTS], *view;

	if (text->length + length > MAX_VIEW_BYTES)
		return;
	view = malloc(sizeof(*view) + text->length + length);
	if (!view)
		return;
	*view = (struct view){
		.hash = hash,
		.text_length = text->length,
		.rendered_length = length,
	};
	memcpy(view->bytes, text->data, text->length);
	memcpy(view->bytes + text->length, rendered, length);
	free(*slot);
	*slot = view;
}
