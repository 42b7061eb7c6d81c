/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the indices of lines that symbols ask for: found in the cache, or built by lbrd-index. */
#pragma once

#include <event2/event.h>

#include "daemon/model/index-status.h"
#include "daemon/symbol/symbols.h"

/*
 * The builder is run as
 *
 *	lbrd-index --build-id HEX --progress --output-fd N ELF...
 *
 * with each ELF file that may be the right one as /proc/self/fd/M (compressed modules as they are):
 * the first that has this build id, and debug information, is the one to use. It writes the index
 * to the descriptor N, an empty file. On its standard output it says, one line each, as it goes:
 *
 *	from ELF	(the argument that it took)
 *	PERCENT		(0 to 100)
 *
 * Exit status 0: the index is whole. 3: none of the files is the right one, or none has debug
 * information. Anything else: it failed, and the last line on standard error says why.
 */
struct index_jobs;

struct index_jobs_config {
	struct event_base *base;
	struct symbols *symbols;
	const char *directory; /* of the cache; made when it is missing */
	/* An index began to be built, is ready, or failed. */
	void (*changed)(const struct index_status *status, void *userdata);
	void *userdata;
};

/* Never fails for want of a directory or a builder: then no index is made. -ENOMEM. */
int index_jobs_new(const struct index_jobs_config *config, struct index_jobs **ret);
/* Kills the builder that runs. */
void index_jobs_free(struct index_jobs *jobs);

/* symbols_config.need: an index is looked for, and built if it is not there, when its turn comes. */
void index_jobs_want(const struct symbol_object *object, void *jobs);

/* What is known of every index that was ever wanted; valid until the loop goes on. */
const struct index_list *index_jobs_list(const struct index_jobs *jobs);
