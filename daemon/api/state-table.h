/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a state: the kept attachments, and the tracers that these use. */
#pragma once

#include "daemon/api/attachments.h"
#include "daemon/api/state-view.h"

struct state_table {
	struct state_header header; /* the numbers of things and the size are set */
	struct attachments *attachments; /* borrowed: to be written before they change */
	struct tracer **tracers; /* ascending by number */
};

/* Counts what there is to write. -ENOMEM. */
int state_table_collect(struct attachments *attachments, struct state_table *ret);
/* Writes the tables into a state of that size. */
void state_table_write(const struct state_table *table, const struct state_view *view);
void state_table_deinit(struct state_table *table);

/* Iteration over the attachments that outlive this process, in the order of the table. */
struct attachment *state_next_kept(struct attachments *attachments, struct attachment *previous);
/* The target of a tracer, as it was written. */
void state_target_read(const struct state_target *target, struct target *ret);
