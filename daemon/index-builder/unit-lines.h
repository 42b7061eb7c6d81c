/* SPDX-License-Identifier: Apache-2.0 */
/* The line table of a unit. */
#pragma once

#include <elfutils/libdw.h>

#include "daemon/index-builder/unit-files.h"

/* Adds the marks of a unit's line table to the collection. */
void unit_lines_add(struct unit_files *files, Dwarf_Die *die);
