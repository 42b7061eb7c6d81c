/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the running kernel, as /proc/kcore shows it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Copies the `size` bytes at `address`. Where standard input is that file already, it is not opened
 * again. 0; -ENOENT: no such file; -EPERM, -EACCES: not for us (CAP_SYS_RAWIO, lockdown); -ENXIO:
 * the address is not part of it, or nothing is mapped there; -EBADMSG: not the file that it should
 * be; other errno as the kernel gives them.
 */
int kcore_read(const char *path, uint64_t address, void *buffer, size_t size);
