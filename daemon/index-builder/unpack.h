/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are compressed as a whole in a way that libdw may not know. */
#pragma once

/*
 * If the file is compressed with zstd, its content in a new descriptor, and the old one is closed;
 * else the old one as it is, at its beginning. -1 after saying why on standard error.
 */
int unpack_file(int fd, const char *path);
