/* SPDX-License-Identifier: Apache-2.0 */
/* What is pinned in a BPF file system. */
#pragma once

#include <stdint.h>

/*
 * The id of the program pinned at `path`, or of the program of the link pinned there. -EINVAL:
 * something else is pinned there, or it is no BPF file; other errno as open() gives them.
 */
int pinned_program(const char *path, uint32_t *ret);
