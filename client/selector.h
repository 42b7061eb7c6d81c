/* SPDX-License-Identifier: Apache-2.0 */
/* From what a user writes for a target to a TargetSelector of io.lbrd. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "client/context.h"

/*
 * Appends what `argv[0..argc)` means to the array `targets`: `prog SPEC...` and `func NAME...` in
 * any order. False: wrong, which has been explained.
 */
bool selectors_parse(const struct command *command, int argc, char **argv,
		     struct json_object *targets);
