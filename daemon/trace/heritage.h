/* SPDX-License-Identifier: Apache-2.0 */
/* The tracers that an earlier lbrd left running, to be taken over instead of making new ones. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/target.h"

/* One tracer that is attached. */
struct legacy {
	uint32_t number; /* lbrd_record.tracer */
	uint32_t program_id;
	bool without_branches;
	struct target target;
	int link_fd; /* borrowed */
};

struct heritage {
	const struct legacy *tracers;
	size_t n_tracers;
	uint32_t last_number; /* the highest that any tracer ever had */
	uint64_t position; /* in the ring: records before it have been dealt with */
};

/* The maps of a tracer; all descriptors are the caller's, -1 where there is none. */
struct legacy_maps {
	int program_fd;
	int control_fd;
	int ring_fd;
	int pool_fd;
	uint32_t ring_id;
	uint32_t pool_id;
	uint32_t ring_bytes;
	uint32_t pool_bytes;
};

/*
 * Finds the tracer behind a link by what the kernel knows of it, and checks that it is what
 * `legacy` says and of this lbrd's making. 0, a negative errno of the kernel, or -EBADMSG. To be
 * followed by legacy_maps_deinit() in any case.
 */
int legacy_open(const struct legacy *legacy, struct legacy_maps *ret);
void legacy_maps_deinit(struct legacy_maps *maps);
