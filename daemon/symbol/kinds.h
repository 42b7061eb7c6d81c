/* SPDX-License-Identifier: Apache-2.0 */
/* From the name of a symbol to what its code is there for. */
#pragma once

#include <stdbool.h>

#include "daemon/model/location.h"

/* A symbol of the kernel proper or of a module. */
enum location_kind kind_of_kernel_symbol(const char *name, const char *module);

/* Whether only an interrupt or a fault enters there: a stub that the CPU's table points to. */
bool is_interrupt_vector(const struct location *location);

/* Code that the kernel made at run time, by its name and pseudo module. */
enum location_kind kind_of_image(const char *name, const char *module);
