/* SPDX-License-Identifier: Apache-2.0 */
/* Names of functions, looked up once for all the places where they are inlined. */
#pragma once

#include <stdint.h>

#include <elfutils/libdw.h>

#include "daemon/index-builder/memory.h"

struct names;

/* `strings` receives them and must outlive. */
struct names *names_new(struct strings *strings);
void names_free(struct names *names);

/*
 * The name of a function or inlined function as a linker knows it, else as the source has it: its
 * own, or that of what it is an instance of. 0: none.
 */
uint32_t names_find(struct names *names, Dwarf_Die *die);
