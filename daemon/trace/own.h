/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that this process loaded: no user ever means them. See program_is_ours(). */
#pragma once

#include <stdint.h>

int own_add(uint32_t program_id);
void own_remove(uint32_t program_id);
