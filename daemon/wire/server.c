/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Construction, sockets and teardown. The rule that must not break: what the server serves and
 * what its interface text says are the same, or there is no server.
 */
#include "daemon/wire/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/clock.h"
#include "daemon/wire/call.h"
#include "daemon/wire/listener.h"
#include "daemon/wire/peer.h"
#include "daemon/wire/server-internal.h"
#include "daemon/wire/service.h"
#include "proto/json-tree.h"

DEFINE_CLEANUP(struct server *, server_free)

/* ---- construction ---- */

static bool has_handler(const struct method *methods, const char *name)
{
	for (; methods->name; methods++)
		if (strcmp(methods->name, name) == 0)
			return true;
	return false;
}

static int serve(struct served_interface *served, const char *text, const struct method *methods,
		 void *userdata)
{
	struct interface *interface;
	int r;

	r = interface_new(text, &interface, NULL);
	if (r < 0)
		return r;
	*served = (struct served_interface){ interface, text, methods, userdata };
	for (const struct method *method = methods; method->name; method++)
		if (!interface_find(interface, INTERFACE_METHOD, method->name))
			return -EINVAL;
	for (size_t i = 0; i < interface->n_members; i++) {
		const struct interface_member *member = &interface->members[i];

		if (member->kind == INTERFACE_METHOD && !has_handler(methods, member->name))
			return -EINVAL;
	}
	return 0;
}

/* Every client may meet a limit, so every client must be able to know of it. */
static int check_limit_error(struct server *server)
{
	struct json_object *sample = limit_refusal("connections", 1, "Close another one.");
	bool declared = sample &&
			service_own_error(server, "LimitReached", sample, server->limit_error);

	json_object_put(sample);
	return declared ? 0 : sample ? -EINVAL : -ENOMEM;
}

/* NULL where Internal is not declared: then nothing can be said. */
static int make_no_memory_frame(struct server *server)
{
	struct json_object *parameters = json_object_new_object();
	char name[SERVICE_ERROR_NAME_MAX];
	int r = 0;

	json_tree_add(parameters, "message",
			json_object_new_string("The server has run out of memory."));
	json_tree_add(parameters, "hint",
			json_object_new_string("Try again later, or see what limits its memory."));
	if (service_own_error(server, "Internal", parameters, name))
		r = call_render(name, parameters, false, &server->no_memory_frame);
	json_object_put(parameters);
	return r;
}

int server_new(const struct server_config *config, struct server **ret)
{
	_cleanup_(server_free_p) struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->base = config->base;
	server->vendor = config->vendor;
	server->product = config->product;
	server->version = config->version;
	server->url = config->url;
	server->limits = config->limits;
	server->events = config->events;
	server->authorize = config->authorize;
	server->userdata = config->userdata;
	LIST_INIT(&server->listeners);
	LIST_INIT(&server->peers);
	r = serve(&server->served[SERVED_SERVICE], service_interface_text, service_methods, server);
	if (r == 0)
		r = serve(&server->served[SERVED_OWN], config->interface_text, config->methods,
			  config->userdata);
	if (r == 0)
		r = check_limit_error(server);
	if (r == 0)
		r = make_no_memory_frame(server);
	if (r == 0)
		r = accounts_new(&server->limits.users, &server->accounts);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(server);
	return 0;
}

void server_free(struct server *server)
{
	struct peer *peer;

	if (!server)
		return;
	listener_free_all(server);
	while ((peer = LIST_FIRST(&server->peers)))
		peer_free(peer);
	for (int i = 0; i < N_SERVED; i++)
		interface_free(server->served[i].interface);
	accounts_unref(server->accounts);
	frame_unref(server->no_memory_frame);
	free(server);
}

unsigned int server_n_peers(const struct server *server)
{
	return server->n_peers;
}

struct accounts *server_accounts(struct server *server)
{
	return server->accounts;
}

/* ---- sockets ---- */

static bool is_listening_unix_stream(int fd)
{
	static const struct {
		int option, value;
	} wanted[] = {
		{ SO_DOMAIN, AF_UNIX },
		{ SO_TYPE, SOCK_STREAM },
		{ SO_ACCEPTCONN, 1 },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int value;
		socklen_t length = sizeof(value);

		if (getsockopt(fd, SOL_SOCKET, wanted[i].option, &value, &length) < 0 ||
				value != wanted[i].value)
			return false;
	}
	return true;
}

int server_listen_fd(struct server *server, int fd)
{
	int flags;

	if (!is_listening_unix_stream(fd)) {
		close_fd(fd);
		return -EINVAL;
	}
	/* systemd hands it over as its unit says; a blocking accept would halt the daemon. */
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int r = -errno;

		close_fd(fd);
		return r;
	}
	return listener_new(server, fd, NULL);
}

/* Removes a socket file that nobody listens on. 0 also when there is no file. */
static int remove_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
			errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
	/* chmod() afterwards would leave a moment with the wrong mode. */
	mode_t before = umask(~mode & 0777);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(before);
	return r;
}

int server_listen_path(struct server *server, const char *path, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = remove_stale(&address);
	if (r < 0)
		return r;
	r = bind_with_mode(fd, &address, mode);
	if (r < 0)
		return r;
	if (listen(fd, SOMAXCONN) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}
	return listener_new(server, TAKE_FD(fd), path);
}

/* ---- the end ---- */

/* Waits until one of the peers with queued bytes takes some; false when none has any. */
static bool wait_writable(struct server *server, int timeout_ms)
{
	_cleanup_free_ struct pollfd *fds = calloc(server->n_peers + 1, sizeof(*fds));
	struct peer *peer;
	nfds_t n = 0;

	if (!fds)
		return false;
	LIST_FOREACH(peer, &server->peers, link)
		if (peer->output.bytes > 0)
			fds[n++] = (struct pollfd){ .fd = peer->fd, .events = POLLOUT };
	return n > 0 && poll(fds, n, timeout_ms) > 0;
}

void server_flush(struct server *server, unsigned int timeout_ms)
{
	uint64_t deadline = clock_ns(CLOCK_MONOTONIC) + timeout_ms * NS_PER_MS, now;
	struct peer *peer;

	server->flushing = true;
	listener_free_all(server);
	while ((now = clock_ns(CLOCK_MONOTONIC)) < deadline &&
			wait_writable(server, (deadline - now) / NS_PER_MS + 1)) {
		LIST_FOREACH(peer, &server->peers, link)
			if (peer->output.bytes > 0)
				peer_flush(peer);
	}
}
