/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of JSON that are built to be sent. Adding never fails: where memory ran out the tree is
 * marked as incomplete, and whoever writes it is told.
 */
#pragma once

#include <json-c/json.h>

#include "proto/json-writer.h"

/*
 * Takes `value` over; NULL, which stands for one that there was no memory for, marks the object. An
 * object of NULL takes it over, too: its own parent will be marked. `name` must outlive the object.
 */
void json_tree_add(struct json_object *object, const char *name, struct json_object *value);
/* The same for an array. */
void json_tree_append(struct json_object *array, struct json_object *value);

/* Writes the tree. -ENOMEM: it is NULL or incomplete, and what was written is good for nothing. */
int json_tree_write(struct json_writer *w, struct json_object *tree);
