/* SPDX-License-Identifier: Apache-2.0 */
/* The errors of lbrd in words. */
#pragma once

#include <json-c/json.h>

#include "client/context.h"

/*
 * Tells on standard error what the error `name` (with its interface) means, why it happened and
 * what to do next. `parameters` may be NULL.
 */
void refusal_explain(const char *name,
		     struct json_object *parameters);

/* One line each for what could not be attached: an array of TargetFailure, or NULL. */
void refusal_tell_failures(struct json_object *failures);
