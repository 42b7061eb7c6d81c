/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier lbrd left with the keeper, looked through and made ready to go on with. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/api/state-view.h"
#include "daemon/trace/heritage.h"
#include "daemon/trace/lbr.h"

/* A descriptor that was kept, and its name. Both are borrowed. */
struct kept_fd {
	const char *name;
	int fd;
};

struct takeover;

/*
 * Finds the latest state among the descriptors, checks it, and counts the attempt to take it over.
 * `fds` must stay as they are until takeover_free(). 0 with *ret NULL: there is no state that could
 * be taken over; `reterr_reason` then says why, and is NULL when nothing was kept at all. -ENOMEM.
 */
int takeover_new(const struct kept_fd *fds, size_t n, struct takeover **ret,
		const char **reterr_reason);
void takeover_free(struct takeover *takeover);

/* For trace_config; NULL: no tracer was kept. */
const struct heritage *takeover_heritage(const struct takeover *takeover);
const struct state_view *takeover_state(const struct takeover *takeover);
size_t takeover_n_attachments(const struct takeover *takeover);
/* How many observers there were. */
size_t takeover_n_observers(const struct takeover *takeover);
/* Hands the events over to an `lbr` without users; what is missing is opened by it. */
void takeover_branch_events(const struct takeover *takeover, struct lbr *lbr);
/* Whether what goes on needs the descriptor to be kept further on under that name. */
bool takeover_needs(const struct takeover *takeover, const char *name);
