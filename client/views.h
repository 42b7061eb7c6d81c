/* SPDX-License-Identifier: Apache-2.0 */
/* Rendered paths, found again by the text they came as. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/output.h"
#include "proto/json-reader.h"

#define VIEWS_SLOTS 256 /* a power of two */

struct view;

/* Begins all zero. */
struct views {
	struct view *slots[VIEWS_SLOTS];
};

void views_clear(struct views *views);

/* To be asked once for each text, and given to both of the following. */
uint64_t views_hash(const struct json_slice *text);
/* Appends what was rendered from this text before. False: nothing was. */
bool views_put(const struct views *views, uint64_t hash, const struct json_slice *text,
	       struct output *out);
/*
 * Copies both, in the place of another one perhaps. What is too long, or finds no memory, is not
 * remembered.
 */
void views_add(struct views *views, uint64_t hash, const struct json_slice *text,
	       const char *rendered, size_t length);
