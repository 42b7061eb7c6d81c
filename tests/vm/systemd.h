/* SPDX-License-Identifier: Apache-2.0 */
/* systemd as the guest's first process (run --systemd). */
#pragma once

/*
 * Prepare the root file system for it, which must be entered: a handful of units instead of the
 * host's. Returns a socket for systemd_wait, or -1 and errno.
 */
int systemd_prepare(void);

/* Become systemd, in process 1; returns only when that fails, with errno. */
void systemd_exec(void);

/* In another process: wait until it has booted. NULL, or what went wrong, with errno or 0. */
const char *systemd_wait(int fd);
