/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a parsed reply, read by type: one that is absent or of another type is the default. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/losses.h"
#include "common/cleanup.h"

static inline void json_put(struct json_object *object)
{
	json_object_put(object);
}
DEFINE_CLEANUP(struct json_object *, json_put)
#define _cleanup_json_ _cleanup_(json_put_p)

bool has_field(struct json_object *object, const char *name);
/* "" by default. Borrowed from the object. */
const char *get_string(struct json_object *object, const char *name);
int64_t get_int(struct json_object *object, const char *name);
bool get_bool(struct json_object *object, const char *name);
/* NULL by default; borrowed. */
struct json_object *get_object(struct json_object *object, const char *name);
/* NULL by default, which has the length 0 for get_length(). */
struct json_object *get_array(struct json_object *object, const char *name);
size_t get_length(struct json_object *array);

/* An object Losses of io.lbrd; NULL is all zero. */
void get_losses(struct json_object *object, struct losses *ret);
