/* SPDX-License-Identifier: Apache-2.0 */
/* Where clients find lbrd. */
#pragma once

#include <stddef.h>

#include "daemon/wire/server.h"

/* Listens on the sockets that lbrd was started with. Negative errno. */
int listen_on(struct server *server, const int *sockets, size_t n);
/* Makes a socket of its own, and its directory if need be. Negative errno. */
int listen_at(struct server *server, const char *path);
