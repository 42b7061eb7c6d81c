/* SPDX-License-Identifier: Apache-2.0 */
/* TargetSelector of io.lbrd.varlink. */
#pragma once

#include <json-c/json.h>

#include "daemon/trace/targets.h"

/* NULL, or the name of the parameter that is wrong. The strings are borrowed from `json`. */
const char *selector_parse(struct json_object *json, struct target_selector *ret);
