/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel functions that must not be traced, or not at their exit. */
#pragma once

#include <stdbool.h>

/* Runs in every tracer, or between the target and its tracer. */
bool function_is_denied(const char *name);
/* Never returns: a tracer at its exit would never run, and the trampoline never be freed. */
bool function_never_returns(const char *name);
