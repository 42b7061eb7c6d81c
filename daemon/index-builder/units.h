/* SPDX-License-Identifier: Apache-2.0 */
/* Reads all units of an object file. */
#pragma once

#include <stdbool.h>

#include <elfutils/libdw.h>

#include "daemon/index-builder/collection.h"

/* Called with the part of the work that is done, in percent, whenever that grew. */
typedef void (*units_progress_fn)(unsigned int percent);

/* Ends the process with a message when the debug information cannot be read. */
void units_read(Dwarf *dwarf, struct collection *collection, units_progress_fn progress);
