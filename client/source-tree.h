/* SPDX-License-Identifier: Apache-2.0 */
/* The text of source lines, from a directory that the user names: --source-tree. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "proto/json-reader.h"

struct source_tree;

/* -ENOMEM, or why the directory cannot be opened. */
int source_tree_new(const char *directory, struct source_tree **ret);
/* The same for what the user said, NULL: nothing. STATUS_OK, or an exit code: it has been said. */
int source_tree_open(const char *directory, struct source_tree **ret);
void source_tree_free(struct source_tree *tree);
DEFINE_CLEANUP(struct source_tree *, source_tree_free)

/*
 * The text of a line (counted from 1), without the blanks around it. `file` is its name as debug
 * information has it; the longest end of it that is the name of a regular file below the directory
 * is what is read. Nothing outside of the directory is, wherever links lead. False: no such file or
 * line, or it is too large. Not sanitized; valid until source_tree_tidy().
 */
bool source_tree_find(struct source_tree *tree, const struct json_slice *file, uint64_t line,
		      struct json_slice *ret);

/* Gives memory back when a lot is held. */
void source_tree_tidy(struct source_tree *tree);
