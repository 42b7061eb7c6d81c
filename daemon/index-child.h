/* SPDX-License-Identifier: Apache-2.0 */
/* The process that builds an index: what may go wrong with debug information goes wrong there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The builder is run as
 *
 *	lbrd-index --progress --output-fd N --build-id HEX FILE...
 *
 * with every file that may have the debug information, of which it takes the first that does. On
 * standard output stands "file FILE PATH" for each of them, since FILE is a descriptor; then, from
 * the builder, "from FILE" and its progress in percent, one number a line. On standard error, why
 * it failed.
 */
struct index_child_config {
	const char *builder; /* path of lbrd-index */
	const char *object; /* "vmlinux" or the module */
	const char *build_id; /* hexadecimal */
	const char *root; /* "": where debug information is looked for; another one in tests */
	bool download; /* what debuginfod-find delivers, instead of what is on this machine */
	const char *directory; /* of the cache, for what is downloaded */
	int output; /* descriptor of the file to be written */
	uint64_t max_memory; /* bytes */
	uint64_t max_seconds; /* of CPU time */
	uint64_t max_output; /* bytes */
};

struct index_child {
	pid_t pid; /* also its process group */
	int exited; /* pidfd: readable once it has ended */
	int progress; /* its standard output */
	int complaints; /* its standard error */
};

/* Exit status: none of the files found is the right one. Else 0: done; anything else: it failed. */
#define INDEX_CHILD_NOTHING 3

/* The lbrd-index beside this program in a build tree, else the installed one. NULL: no memory. */
char *index_child_find_builder(void);

/* Whether there is a server to download from: debuginfod-find(1), DEBUGINFOD_URLS. */
bool index_child_may_download(void);

/*
 * Starts it, with a low priority, limited, and without privileges: no capability, the user
 * nobody where we are root, no network but for debuginfod-find. Negative errno. The descriptors
 * are the caller's and do not block.
 */
int index_child_start(const struct index_child_config *config, struct index_child *ret);

/* Kills it and everything that it started. To be reaped by waitpid(). */
void index_child_kill(const struct index_child *child);
