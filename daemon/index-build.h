/* SPDX-License-Identifier: Apache-2.0 */
/* One run of lbrd-index, followed from the event loop. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "daemon/index-child.h"

struct index_build;

enum index_build_end {
	INDEX_BUILD_DONE,
	INDEX_BUILD_NOTHING, /* no debug information was found */
	INDEX_BUILD_FAILED, /* for the reason given */
};

struct index_build_events {
	/* It reads that file from here on. */
	void (*begun)(const char *path, void *userdata);
	void (*progress)(unsigned int percent, void *userdata);
	/* The process is gone. `why` is a sentence, "" unless it failed. */
	void (*ended)(enum index_build_end end, const char *why, void *userdata);
};

/* Borrows `events`. -ENOMEM. */
int index_build_new(struct event_base *base, const struct index_build_events *events,
		void *userdata, struct index_build **ret);
/* Kills the process that runs, without a call of `ended`. */
void index_build_free(struct index_build *build);

/* None may be running. It is killed after `max_wait` seconds. Negative errno. */
int index_build_start(struct index_build *build, const struct index_child_config *config,
		uint64_t max_wait);
bool index_build_is_running(const struct index_build *build);
/* It ends soon, as failed. */
void index_build_cancel(struct index_build *build);
