/* SPDX-License-Identifier: Apache-2.0 */
/* From an earlier lbrd to this one and on to the next, where the service manager helps. */
#pragma once

#include <stddef.h>

#include "daemon/api/attachments.h"
#include "daemon/api/state.h"
#include "daemon/trace/lbr.h"
#include "daemon/trace/trace.h"

struct succession;

/*
 * Takes in what lbrd was started with. A state that cannot be taken over is no failure: the journal
 * is told, and lbrd begins anew.
 */
int succession_new(struct succession **ret);
/* NULL is fine. */
void succession_free(struct succession *succession);

/* Listening sockets that lbrd was started with; the caller's from here on. */
const int *succession_sockets(const struct succession *succession, size_t *ret_n);
/* NULL: nothing outlives this process. */
const struct keeper *succession_keeper(const struct succession *succession);

/*
 * Each makes its part with what the earlier lbrd left of it, in this order. The heritage of
 * `config` is set here.
 */
int succession_make_trace(struct succession *succession, struct trace_config *config,
		struct trace **ret);
int succession_make_lbr(struct succession *succession, struct lbr **ret);
int succession_make_state(struct succession *succession, struct state_config *config,
		struct state **ret);
/*
 * Goes on with the earlier lbrd's attachments, and leaves nothing else of it. Returns how many
 * observers it had that are to be waited for.
 */
size_t succession_finish(struct succession *succession, struct state *state,
		struct attachments *attachments);

/* lbrd ends: what is kept is the next one's. */
void succession_hand_over(struct succession *succession);
