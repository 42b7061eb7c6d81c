/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the indices of lines that symbols ask for: found in the cache, or built by lbrd-index. */
#pragma once

#include <event2/event.h>

#include "daemon/model/index-status.h"
#include "daemon/symbol/symbols.h"

struct index_jobs;

/* Of one builder; what it costs to reach one is the lines of one object. */
struct index_limits {
	uint64_t memory; /* bytes */
	uint64_t cpu; /* seconds of CPU time */
	uint64_t time; /* seconds until it is killed */
	uint64_t size; /* bytes of the index */
};

struct index_jobs_config {
	struct event_base *base;
	struct symbols *symbols;
	const char *builder; /* path of lbrd-index; copied; NULL: index_child_find_builder() */
	const char *directory; /* of the cache; copied; made when it is missing */
	const char *root; /* "": where debug information is looked for; another one in tests */
	struct index_limits limits;
	/* An index began to be built, is ready, or failed. */
	void (*changed)(const struct index_status *status, void *userdata);
	void *userdata;
};

/* Never fails for want of a directory or a builder: then no index is made. -ENOMEM. */
int index_jobs_new(const struct index_jobs_config *config, struct index_jobs **ret);
/* Kills the builder that runs. */
void index_jobs_free(struct index_jobs *jobs);

/* symbols_config.need: when its turn comes, the index is taken from the cache, else built. */
void index_jobs_want(const struct symbol_object *object, void *jobs);

/* What is known of every index that was ever wanted; valid until the loop goes on. */
const struct index_list *index_jobs_list(const struct index_jobs *jobs);
