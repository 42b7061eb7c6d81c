/* SPDX-License-Identifier: Apache-2.0 */
/* What BTF says of a function. */
#pragma once

#include <stdint.h>

#include "daemon/model/target.h"

struct btf;

/* How the return register of the function with this type id is to be read. */
void btf_function_return(const struct btf *btf, uint32_t id, enum return_kind *ret_kind,
		uint8_t *ret_bytes);
/* Its name, "" when `id` is no function. Owned by `btf`. */
const char *btf_function_name(const struct btf *btf, uint32_t id);
