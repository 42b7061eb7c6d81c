/* SPDX-License-Identifier: Apache-2.0 */
/* How long ago something was, in a few letters. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* "45s", "12m", "3h", "5d" since `since` (nanoseconds since 1970). */
void age_format(int64_t since, char *buffer, size_t size);
