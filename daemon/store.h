/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's store of file descriptors, and those that it started lbrd with. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/api/takeover.h"
#include "daemon/trace/keeper.h"

struct store;

/* Takes in what lbrd was started with: the sockets, and what an earlier lbrd stored. */
int store_new(struct store **ret);
/* Closes what was taken in and is not a socket. What is stored stays so. NULL is fine. */
void store_free(struct store *store);

/* Listening sockets; the caller's from here on. */
const int *store_sockets(const struct store *store, size_t *ret_n);
/* What an earlier lbrd stored. Borrowed. */
const struct kept_fd *store_inherited(const struct store *store, size_t *ret_n);
/*
 * Has the manager close all that was inherited and that `is_needed` does not want. The descriptors
 * of lbrd itself are closed all.
 */
void store_sweep(struct store *store,
		bool (*is_needed)(const char *name, void *userdata), void *userdata);

/* NULL: there is no store, descriptors end with lbrd. */
const struct keeper *store_keeper(const struct store *store);
/* From now on what is stored stays as it is: lbrd ends, and the next one shall find it. */
void store_seal(struct store *store);
