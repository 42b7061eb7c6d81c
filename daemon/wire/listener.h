/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets of a server. Private to the room. */
#pragma once

struct server;

/* Takes over `fd`, also on failure, and the file at `path` (may be NULL). Negative errno. */
int listener_new(struct server *server, int fd, const char *path);
/* Closes all of them and removes their files. */
void listener_free_all(struct server *server);
