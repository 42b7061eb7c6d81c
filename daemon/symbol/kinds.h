/* SPDX-License-Identifier: Apache-2.0 */
/* From the name of a symbol to what its code is there for. */
#pragma once

#include "daemon/model/location.h"

/* A symbol of the kernel proper or of a module. */
enum location_kind kind_of_kernel_symbol(const char *name, const char *module);

/* Code that the kernel made at run time, by its name and pseudo module. */
enum location_kind kind_of_image(const char *name, const char *module);
