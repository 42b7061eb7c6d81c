/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames are what makes a further observer cheap: one rendering, one allocation, many senders.
 * The rule that must not break: nobody writes to a frame that a second one refers to.
 */
#include "daemon/wire/frame.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int frame_new_take(char *data, size_t length, struct frame **ret)
{
	struct frame *frame = data ? malloc(sizeof(*frame)) : NULL;

	if (!frame) {
		free(data);
		return -ENOMEM;
	}
	*frame = (struct frame){.n_refs = 1, .length = length, .data = data};
	*ret = frame;
	return 0;
}

int frame_new(size_t length, struct frame **ret)
{
	return frame_new_take(malloc(length), length, ret);
}

int frame_new_copy(const void *data, size_t length, struct frame **ret)
{
	int r = frame_new(length, ret);

	if (r == 0)
		memcpy((*ret)->data, data, length);
	return r;
}

struct frame *frame_ref(struct frame *frame)
{
	frame->n_refs++;
	return frame;
}

struct frame *frame_unref(struct frame *frame)
{
	if (!frame)
		return NULL;
	assert(frame->n_refs > 0);
	if (--frame->n_refs == 0) {
		free(frame->data);
		free(frame);
	}
	return NULL;
}
