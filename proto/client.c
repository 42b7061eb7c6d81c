/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule that must not break: a server that closes early may have said why, so a failed send is
 * not the last word as long as something can still be read.
 */
#include "proto/client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/clock.h"
#include "proto/framing.h"
#include "proto/json-writer.h"
#include "proto/message.h"

/* How long connecting and sending may take: both are at once unless the server hangs. */
#define SEND_TIMEOUT_S 5

struct client {
	int fd;
	struct framing input;
	bool drained; /* the last read took all: to read again before poll() would be in vain */
};

int client_new(int fd, size_t max_message, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close_fd(fd);
		return -ENOMEM;
	}
	client->fd = fd;
	framing_init(&client->input, max_message);
	*ret = client;
	return 0;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	close_fd(client->fd);
	framing_deinit(&client->input);
	free(client);
}

static int connect_error(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return CLIENT_E_NO_SOCKET;
	case ECONNREFUSED:
		return CLIENT_E_REFUSED;
	case EACCES:
	case EPERM:
		return CLIENT_E_PERMISSION;
	case EAGAIN:
		return CLIENT_E_TIMEOUT;
	default:
		return -error;
	}
}

int client_connect(const char *path, size_t max_message, struct client **ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = SEND_TIMEOUT_S };
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return connect_error(errno);
	return client_new(TAKE_FD(fd), max_message, ret);
}

int client_fd(const struct client *client)
{
	return client->fd;
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0)
			return errno == EAGAIN ? CLIENT_E_TIMEOUT : -errno;
		data += n;
		length -= n;
	}
	return 0;
}

int client_call(struct client *client, const char *method, struct json_object *parameters,
		unsigned int flags)
{
	struct json_writer w = JSON_WRITER_INIT;
	const char *text;
	size_t length;
	int r;

	json_begin_object(&w);
	JSON_WRITE_KEY(&w, "method");
	json_write_cstring(&w, method);
	r = parameters ? message_write_parameters(&w, parameters) : 0;
	if (flags & CLIENT_MORE) {
		JSON_WRITE_KEY(&w, "more");
		json_write_bool(&w, true);
	}
	if (flags & CLIENT_ONEWAY) {
		JSON_WRITE_KEY(&w, "oneway");
		json_write_bool(&w, true);
	}
	json_end_object(&w);
	if (r == 0)
		r = json_writer_finish(&w, &text, &length);
	if (r == 0)
		r = send_all(client->fd, text, length + 1);
	json_writer_deinit(&w);
	return r;
}

/* Reads what has arrived: 1 when something has, 0 when nothing has yet. */
static int read_some(struct client *client)
{
	char *room;
	size_t size;
	ssize_t n;
	int r;

	if (client->drained) {
		client->drained = false;
		return 0;
	}
	r = framing_reserve(&client->input, &room, &size);
	if (r < 0)
		return r;
	n = recv(client->fd, room, size, MSG_DONTWAIT);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return errno == ECONNRESET ? -EPIPE : -errno;
	}
	if (n == 0)
		return -EPIPE;
	framing_commit(&client->input, n);
	client->drained = (size_t)n < size;
	return 1;
}

/* Waits for input until `deadline` (-1: none). */
static int wait_readable(struct client *client, int64_t deadline)
{
	struct pollfd fd = { .fd = client->fd, .events = POLLIN };
	int64_t left = -1;
	int n;

	if (deadline >= 0) {
		left = deadline - clock_ms();
		if (left <= 0)
			return CLIENT_E_TIMEOUT;
	}
	n = poll(&fd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
	if (n < 0)
		return -errno;
	return n == 0 ? CLIENT_E_TIMEOUT : 0;
}

int client_next(struct client *client, int timeout_ms, const char **ret, size_t *ret_length)
{
	int64_t deadline = -1;
	int r;

	for (;;) {
		r = framing_next(&client->input, ret, ret_length);
		if (r > 0)
			return 0;
		if (r < 0)
			return r == -EMSGSIZE ? CLIENT_E_TOO_LARGE : r;
		r = read_some(client);
		if (r < 0)
			return r == -EPIPE ? CLIENT_E_CLOSED : r;
		if (r > 0)
			continue;
		if (timeout_ms == 0)
			return CLIENT_E_TIMEOUT;
		if (timeout_ms > 0 && deadline < 0)
			deadline = clock_ms() + timeout_ms;
		r = wait_readable(client, deadline);
		if (r)
			return r;
	}
}

int client_walk_reply(const char *data, size_t length,
		      void (*take)(struct json_reader *r, void *userdata), void *userdata,
		      struct client_reply *ret)
{
	struct client_reply reply = { .parameters = { "{}", 2 } };
	struct json_reader r;
	struct json_slice key;

	json_reader_init(&r, data, length);
	json_enter_object(&r);
	while (json_next_key(&r, &key)) {
		if (json_pass_null(&r))
			continue;
		if (json_slice_is(&key, "parameters")) {
			reply.parameters.data = r.position;
			take(&r, userdata);
			reply.parameters.length = (size_t)(r.position - reply.parameters.data);
		} else if (json_slice_is(&key, "error")) {
			json_read_raw_string(&r, &reply.error);
		} else if (json_slice_is(&key, "continues")) {
			json_read_bool(&r, &reply.continues);
		} else {
			json_skip(&r);
		}
	}
	if (json_finish(&r) < 0)
		return r.error;
	*ret = reply;
	return 0;
}

static void skip_object(struct json_reader *r, void *userdata)
{
	if (json_peek(r) == JSON_KIND_OBJECT)
		json_skip(r);
	else
		r->error = -EBADMSG;
}

int client_parse_reply(const char *data, size_t length, struct client_reply *ret)
{
	return client_walk_reply(data, length, skip_object, NULL, ret) < 0 ? CLIENT_E_MALFORMED : 0;
}
