/* SPDX-License-Identifier: Apache-2.0 */
/* See caller.h. */
#include "tests/doubles/caller.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proto/message.h"
#include "tests/doubles/house.h"
#include "tests/unit/check.h"

#define MAX_REPLY (16 << 20)
#define MAX_DEPTH 16

const struct interface *caller_interface(void)
{
	static struct interface *interface;

	if (!interface)
		CHECK_EQ(interface_new(proto_interface_text, &interface, NULL), 0);
	return interface;
}

void caller_init(struct caller *caller, uid_t uid)
{
	*caller = (struct caller){.fd = house_connect(uid)};
	framing_init(&caller->framing, MAX_REPLY);
}

void caller_deinit(struct caller *caller)
{
	close(caller->fd);
	framing_deinit(&caller->framing);
}

bool caller_send(struct caller *caller, const struct interface_member *method, bool more,
		bool oneway, const char *parameters, size_t length)
{
	char start[128];
	int n = snprintf(start, sizeof(start), "{\"method\":\"io.lbrd.%s\",\"more\":%s,"
			"\"oneway\":%s,\"parameters\":", method->name, more ? "true" : "false",
			oneway ? "true" : "false");
	struct iovec parts[] = {{start, n}, {(char *)parameters, length}, {"}", 2}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};

	if (sendmsg(caller->fd, &message, MSG_NOSIGNAL) != (ssize_t)(n + length + 2))
		return false;
	if (!oneway)
		caller->calls[caller->n_calls++] = method;
	return true;
}

static void check_error(const char *name, struct json_object *parameters)
{
	static const char own[] = "io.lbrd.";
	const struct interface_member *error;
	char path[INTERFACE_PATH_MAX] = "";

	if (strncmp(name, own, strlen(own))) {
		CHECK(!strncmp(name, "org.varlink.service.", strlen("org.varlink.service.")));
		return;
	}
	error = interface_find(caller_interface(), INTERFACE_ERROR, name + strlen(own));
	CHECK(error);
	if (interface_check(error->type, parameters, path))
		fprintf(stderr, "%s: %s\n", name, json_object_to_json_string(parameters));
	CHECK_STR(path, "");
}

static void count(struct caller *caller, struct json_object *parameters)
{
	struct json_object *lost, *n;

	caller->n_events += json_object_object_get_ex(parameters, "event", NULL);
	if (json_object_object_get_ex(parameters, "lost", &lost) &&
			json_object_object_get_ex(lost, "count", &n))
		caller->n_lost += json_object_get_int64(n);
}

static void check_reply(struct caller *caller, const char *text, size_t length)
{
	struct json_object *json, *parameters = NULL, *error, *continues;
	const struct interface_member *method;
	char path[INTERFACE_PATH_MAX] = "";

	CHECK(caller->n_answered < caller->n_calls);
	method = caller->calls[caller->n_answered];
	CHECK_EQ(message_parse(text, length, MAX_DEPTH, &json), 0);
	json_object_object_get_ex(json, "parameters", &parameters);
	if (json_object_object_get_ex(json, "error", &error)) {
		check_error(json_object_get_string(error), parameters);
		caller->n_refused++;
	} else if (interface_check(method->output, parameters, path)) {
		fprintf(stderr, "%s: %s\n", method->name, text);
	}
	CHECK_STR(path, "");
	count(caller, parameters);
	if (!json_object_object_get_ex(json, "continues", &continues))
		caller->n_answered++;
	json_object_put(json);
}

void caller_read(struct caller *caller)
{
	const char *message;
	size_t room, length;
	char *at;

	while (!caller->ended) {
		ssize_t n;

		CHECK_EQ(framing_reserve(&caller->framing, &at, &room), 0);
		n = recv(caller->fd, at, room, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			caller->ended = true;
		framing_commit(&caller->framing, n > 0 ? n : 0);
		while (framing_next(&caller->framing, &message, &length) == 1)
			check_reply(caller, message, length);
	}
}
