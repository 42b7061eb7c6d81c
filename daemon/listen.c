/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that lbrd makes when no manager made one: the same as that of lbrd.socket. */
#include "daemon/listen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SOCKET_MODE 0666 /* the policy decides, and says why */

/* A directory that is missing is made; one that cannot be made shows when the socket is bound. */
static void make_socket_directory(const char *path)
{
	char *copy = strdup(path), *slash = copy ? strrchr(copy, '/') : NULL;

	if (slash && slash != copy) {
		*slash = '\0';
		mkdir(copy, 0755);
	}
	free(copy);
}

int listen_at(struct server *server, const char *path)
{
	make_socket_directory(path);
	return server_listen_path(server, path, SOCKET_MODE);
}

int listen_on(struct server *server, const int *sockets, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = server_listen_fd(server, sockets[i]);
	return r;
}
