/* SPDX-License-Identifier: Apache-2.0 */
/* What trace.c and tracer.c know of each other. */
#pragma once

#include <sys/queue.h>

#include "bpf/pool.h"
#include "daemon/trace/ring.h"
#include "daemon/trace/trace.h"
#include "daemon/trace/unlinker.h"

TAILQ_HEAD(tracer_list, tracer);

struct trace {
	struct trace_config config;
	struct ring ring;
	int pool_fd;
	const struct lbrd_pool *pool; /* mapped, read only */
	size_t pool_bytes;
	uint32_t n_slots; /* without slots[0] */
	uint32_t depth; /* entries that a record has room for */
	uint32_t own_pid; /* thread group, as the tracers see it */
	uint32_t last_number;
	bool probed; /* the kernel loads tracing programs */
	bool asked_for_helper, has_helper; /* what the kernel said of the snapshot helper */
	bool no_return_value; /* the kernel has no bpf_get_func_ret (before 5.17) */
	struct unlinker *unlinker;
	struct tracer_list tracers;
	size_t n_tracers;
	uint64_t records;
};

/* Once a link is closed: no event from before it holds a slot any more. */
void trace_wait_for_slots(const struct trace *trace);
/* Takes over a tracer that runs, with no use yet; `maps` stay the caller's. */
int tracer_adopt(struct trace *trace, const struct legacy *legacy, struct legacy_maps *maps);
/* Whatever its uses. */
void tracer_unload(struct tracer *tracer);
