/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end against the other end of a socket pair, played by hand. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/client.h"
#include "tests/unit/check.h"

static struct client *new_pair(int *ret_peer)
{
	struct client *client;
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_EQ(client_new(fds[0], 1000, &client), 0);
	CHECK_EQ(client_fd(client), fds[0]);
	*ret_peer = fds[1];
	return client;
}

static void expect_sent(int peer, const char *expected)
{
	char text[500];
	ssize_t n = recv(peer, text, sizeof(text), MSG_DONTWAIT);

	CHECK(n > 0 && text[n - 1] == '\0');
	CHECK_STR(text, expected);
	CHECK_EQ(n, strlen(expected) + 1);
}

static void test_calls(void)
{
	int peer;
	struct client *client = new_pair(&peer);
	struct json_object *parameters = json_object_new_object();

	json_object_object_add(parameters, "path", json_object_new_string("/sys/fs/bpf/x"));
	CHECK_EQ(client_call(client, "a.b.C", NULL, 0), 0);
	expect_sent(peer, "{\"method\":\"a.b.C\"}");
	CHECK_EQ(client_call(client, "a.b.C", parameters, CLIENT_MORE), 0);
	expect_sent(peer, "{\"method\":\"a.b.C\",\"parameters\":{\"path\":\"/sys/fs/bpf/x\"},"
			  "\"more\":true}");
	CHECK_EQ(client_call(client, "a.b.C", NULL, CLIENT_ONEWAY), 0);
	expect_sent(peer, "{\"method\":\"a.b.C\",\"oneway\":true}");
	json_object_put(parameters);
	client_free(client);
	close(peer);
}

static void test_replies(void)
{
	int peer;
	struct client *client = new_pair(&peer);
	const char *text;
	size_t length;

	CHECK_EQ(client_next(client, 0, &text, &length), CLIENT_E_TIMEOUT);
	CHECK_EQ(client_next(client, 20, &text, &length), CLIENT_E_TIMEOUT);
	CHECK_EQ(write(peer, "{}\0{\"a\":1}\0{\"", 13), 13);
	CHECK_EQ(client_next(client, 0, &text, &length), 0);
	CHECK_STR(text, "{}");
	CHECK_EQ(client_next(client, -1, &text, &length), 0);
	CHECK_STR(text, "{\"a\":1}");
	CHECK_EQ(client_next(client, 0, &text, &length), CLIENT_E_TIMEOUT);
	CHECK_EQ(write(peer, "b\":2}", 6), 6);
	close(peer);
	CHECK_EQ(client_next(client, -1, &text, &length), 0);
	CHECK_STR(text, "{\"b\":2}");
	CHECK_EQ(client_next(client, -1, &text, &length), CLIENT_E_CLOSED);
	client_free(client);
}

static void test_too_large(void)
{
	int peer;
	struct client *client = new_pair(&peer);
	char big[2000];
	const char *text;
	size_t length;

	memset(big, 'x', sizeof(big));
	CHECK_EQ(write(peer, big, sizeof(big)), sizeof(big));
	CHECK_EQ(client_next(client, -1, &text, &length), CLIENT_E_TOO_LARGE);
	client_free(client);
	close(peer);
}

/* A server that refuses says so and closes before it has read anything. */
static void test_last_word(void)
{
	int peer;
	struct client *client = new_pair(&peer);
	const char *text;
	size_t length;

	CHECK_EQ(write(peer, "{\"error\":\"a.b.Full\"}", 21), 21);
	close(peer);
	CHECK_EQ(client_call(client, "a.b.C", NULL, 0), 0);
	CHECK_EQ(client_next(client, -1, &text, &length), 0);
	CHECK_STR(text, "{\"error\":\"a.b.Full\"}");
	CHECK_EQ(client_next(client, -1, &text, &length), CLIENT_E_CLOSED);
	client_free(client);
}

static void test_connect_errors(void)
{
	char directory[] = "/tmp/lbrd-test-XXXXXX", path[64], longer[300];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct client *client;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	CHECK_EQ(client_connect(path, 1000, &client), CLIENT_E_NO_SOCKET);
	strcpy(address.sun_path, path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(client_connect(path, 1000, &client), CLIENT_E_REFUSED);
	CHECK_EQ(listen(fd, 1), 0);
	CHECK_EQ(client_connect(path, 1000, &client), 0);
	client_free(client);
	if (geteuid() != 0) {
		CHECK_EQ(chmod(path, 0), 0);
		CHECK_EQ(client_connect(path, 1000, &client), CLIENT_E_PERMISSION);
	}
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_EQ(client_connect(longer, 1000, &client), -ENAMETOOLONG);
	close(fd);
	unlink(path);
	rmdir(directory);
}

static void check_reply(const char *text, int error)
{
	struct client_reply reply;

	CHECK_EQ(client_parse_reply(text, strlen(text), &reply), error);
}

static void test_parse_reply(void)
{
	static const char text[] = "{\"parameters\":{\"a\":[1]},\"continues\":true}",
			  error[] = "{\"error\":\"a.b.C\",\"parameters\":null,\"extra\":[{}]}";
	struct client_reply reply;

	CHECK_EQ(client_parse_reply(text, strlen(text), &reply), 0);
	CHECK(reply.continues && !reply.error.data);
	CHECK(json_slice_is(&reply.parameters, "{\"a\":[1]}"));
	CHECK_EQ(client_parse_reply(error, strlen(error), &reply), 0);
	CHECK(!reply.continues && json_slice_is(&reply.error, "a.b.C"));
	CHECK(json_slice_is(&reply.parameters, "{}"));
	check_reply("{}", 0);
	check_reply("[]", CLIENT_E_MALFORMED);
	check_reply("{} ,", CLIENT_E_MALFORMED);
	check_reply("{\"parameters\":[]}", CLIENT_E_MALFORMED);
	check_reply("{\"continues\":1}", CLIENT_E_MALFORMED);
	check_reply("{\"error\":{}}", CLIENT_E_MALFORMED);
}

int main(void)
{
	test_calls();
	test_replies();
	test_too_large();
	test_last_word();
	test_connect_errors();
	test_parse_reply();
	return 0;
}
