/* SPDX-License-Identifier: Apache-2.0 */
/* Reads parameters whose types the server has checked; absent and null are the default. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/api/observation.h"

/* NULL when absent. Borrowed. */
struct json_object *parameter(struct json_object *object, const char *name);
const char *parameter_string(struct json_object *object, const char *name);
bool parameter_bool(struct json_object *object, const char *name);
/* 0; -ERANGE when it is there and not within [minimum, maximum]; `ret` is 0 when absent. */
int parameter_int(struct json_object *object, const char *name, int64_t minimum, int64_t maximum,
		int64_t *ret);
/* What `view` and `raw` ask for. False: they contradict each other. */
bool parameter_view(struct json_object *object, enum view *ret);
