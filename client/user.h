/* SPDX-License-Identifier: Apache-2.0 */
/* Names for the numbers of users. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* "root", or "uid 1234" when the number has no name. */
void user_name(int64_t uid, char *buffer, size_t size);
