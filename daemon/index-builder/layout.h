/* SPDX-License-Identifier: Apache-2.0 */
/* Puts what was collected into the form of an index. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/index-builder/collection.h"
#include "daemon/index-builder/input.h"

/*
 * Makes the bytes of the file; to be freed. The spans of the collection must be settled; more
 * places are added to it.
 */
uint8_t *layout_index(const struct input *input, struct collection *collection, size_t *ret_size);

/* Writes the file beside its place and renames it. Ends the process with a message on failure. */
void layout_write(const uint8_t *bytes, size_t size, const char *path);

/* Writes to a descriptor. The same on failure. */
void layout_write_to(const uint8_t *bytes, size_t size, int fd);
