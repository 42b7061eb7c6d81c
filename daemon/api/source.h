/* SPDX-License-Identifier: Apache-2.0 */
/* What events come from: one traced function, and its text in the interface, rendered once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/model/target.h"

/* Outlives its tracer: an event that is kept for replay still says where it came from. */
struct source {
	unsigned int n_refs;
	struct target target;
	char *json; /* a Target object of io.lbrd.varlink */
	size_t json_length;
};

/* Copies `target`. -ENOMEM. */
int source_new(const struct target *target, struct source **ret);
struct source *source_ref(struct source *source);
/* NULL is fine. */
struct source *source_unref(struct source *source);
