/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that indices are kept in, one file for each build id. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "daemon/symbol/build-id.h"
#include "daemon/symbol/index.h"

struct index_cache;

/* A file of that build id (hexadecimal) came into the directory, whoever put it there. */
typedef void (*index_cache_fn)(const char *build_id, void *userdata);

/*
 * Makes the directory if it is missing. Works without one, as a cache that is empty and keeps
 * nothing: the reason is told by index_cache_problem(). -ENOMEM.
 */
int index_cache_new(struct event_base *base, const char *directory, index_cache_fn arrived,
		void *userdata, struct index_cache **ret);
void index_cache_free(struct index_cache *cache);

/* NULL: the directory can be written. */
const char *index_cache_problem(const struct index_cache *cache);
const char *index_cache_directory(const struct index_cache *cache);

/* "DIRECTORY/BUILDID.v2.lines"; `text` has PATH_MAX bytes. */
void index_cache_path(const struct index_cache *cache, const struct build_id *id, char *text);

/* Which file it is, so that one that was replaced is told from the one in use. */
struct index_file {
	uint64_t device, inode, size;
	int64_t changed; /* nanoseconds */
};

/*
 * Opens the index of that build id. -ENOENT: there is none; else another negative errno, or an
 * index_error: *reterr_reason says why it is refused. *ret_file is set whenever there is a file.
 */
int index_cache_open(const struct index_cache *cache, const struct build_id *id,
		struct index **ret, struct index_file *ret_file, const char **reterr_reason);

/* Which file stands there now; false: none. */
bool index_cache_look(const struct index_cache *cache, const struct build_id *id,
		struct index_file *ret);

/* An empty file to be filled through *ret_fd, under a name of its own. Negative errno. */
int index_cache_create(struct index_cache *cache, int *ret_fd);
/*
 * It becomes the index of that build id, in place of what was there. Negative errno, or an
 * index_error when it is no good index: it is kept back.
 */
int index_cache_keep(struct index_cache *cache, const struct build_id *id);
/* It is removed. Nothing happens when there is none. */
void index_cache_discard(struct index_cache *cache);
