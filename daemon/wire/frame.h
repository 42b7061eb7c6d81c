/* SPDX-License-Identifier: Apache-2.0 */
/* An immutable, reference-counted run of bytes that many peers send. */
#pragma once

#include <stddef.h>

#include "common/cleanup.h"

struct frame {
	unsigned int n_refs; /* the daemon has one thread */
	size_t length;
	char *data;
};

/* A frame of `length` bytes to be filled in by the caller before it is first shared. -ENOMEM. */
int frame_new(size_t length, struct frame **ret);
/* The same with a copy of `data`. -ENOMEM. */
int frame_new_copy(const void *data, size_t length, struct frame **ret);
/* The same with `data` itself, which must be of malloc(); it is freed on failure, too. -ENOMEM. */
int frame_new_take(char *data, size_t length, struct frame **ret);
struct frame *frame_ref(struct frame *frame);
/* NULL is fine. */
struct frame *frame_unref(struct frame *frame);

static inline void frame_unref_p(struct frame **frame)
{
	frame_unref(*frame);
}
