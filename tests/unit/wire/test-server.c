/* SPDX-License-Identifier: Apache-2.0 */
/* What a client cannot see from the outside: construction, sockets, streams inside of the loop. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "daemon/wire/server.h"
#include "proto/client.h"
#include "tests/unit/check.h"

static struct event_base *base;
static char directory[] = "/tmp/lbrd-test-XXXXXX", path[64];
static struct call *open_call;
static char drop_reason[100];
static unsigned int n_closed, n_drained, n_gone, n_dropped;

static void on_closed(struct call *call, void *userdata)
{
	CHECK(call == open_call);
	CHECK_EQ(call_queued(call), 0);
	open_call = NULL;
	n_closed++;
}

static void on_drained(struct call *call, void *userdata)
{
	CHECK(call == open_call);
	CHECK_EQ(call_queued(call), 0);
	CHECK_EQ(call_stalled_for(call, clock_ns(CLOCK_MONOTONIC)), 0);
	n_drained++;
}

static int open_stream(struct call *call, struct json_object *parameters, void *userdata)
{
	static const struct call_stream_events events = { on_closed, on_drained };

	open_call = call;
	call_stream(call, &events, NULL);
	return 0;
}

static int reply_big(struct call *call, struct json_object *parameters, void *userdata)
{
	struct json_object *reply = json_object_new_object();
	static char big[100000];

	memset(big, 'x', sizeof(big));
	json_object_object_add(reply, "text", json_object_new_string_len(big, sizeof(big)));
	return call_reply(call, reply);
}

static void on_gone(struct peer *peer, void *userdata)
{
	n_gone++;
}

static void on_dropped(struct peer *peer, const char *reason, void *userdata)
{
	snprintf(drop_reason, sizeof(drop_reason), "%s", reason);
	n_dropped++;
}

static const char text[] = "interface a.b method Open() -> (n: ?int) method Later() -> ()"
			   "method Big() -> (text: string)"
			   "error LimitReached (name: string, value: int, hint: string)";

static const struct method methods[] = {
	{ "Open", METHOD_MORE, open_stream },
	{ "Later", 0, open_stream },
	{ "Big", 0, reply_big },
	{ 0 },
};

static int make_server(const char *interface_text, const struct method *table, struct server **ret)
{
	struct server_config config = {
		.base = base,
		.interface_text = interface_text,
		.methods = table,
		.limits = {
			.max_message = 10000,
			.max_depth = 10,
			.turn_calls = 32,
			.max_queued_replies = 10000,
			.users = {
				.resources = {
					[RESOURCE_CONNECTIONS] = { "connections", "connections", 10 },
					[RESOURCE_CALL_BYTES] = { "calls", "bytes", 1 << 20 },
					[RESOURCE_REPLY_BYTES] = { "replies", "bytes", 1 << 20 },
					[RESOURCE_STREAM_BYTES] = { "streams", "bytes", 1 << 20 },
				},
				.user_percent = 50,
				.root_percent = 75,
			},
		},
		.events = { .peer_gone = on_gone, .peer_dropped = on_dropped },
	};

	return server_new(&config, ret);
}

static void turn_loop(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void test_interface_and_methods_agree(void)
{
	static const struct method too_few[] = { { "Open", 0, open_stream }, { 0 } };
	static const struct method too_many[] = { { "Open", 0, open_stream },
						  { "Later", 0, open_stream },
						  { "Big", 0, reply_big },
						  { "More", 0, open_stream }, { 0 } };
	struct server *server = NULL;

	CHECK_EQ(make_server(text, too_few, &server), -EINVAL);
	CHECK_EQ(make_server(text, too_many, &server), -EINVAL);
	CHECK_EQ(make_server("interface", methods, &server), -EINVAL);
	CHECK(!server);
	CHECK_EQ(make_server(text, methods, &server), 0);
	server_free(server);
}

static void test_socket_file(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct server *first, *second;
	struct stat st;

	CHECK_EQ(make_server(text, methods, &first), 0);
	CHECK_EQ(make_server(text, methods, &second), 0);
	umask(027);
	CHECK_EQ(server_listen_path(first, path, 0622), 0);
	CHECK_EQ(umask(022), 027);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0622);
	CHECK_EQ(server_listen_path(second, path, 0600), -EADDRINUSE);
	server_free(first);
	CHECK_EQ(stat(path, &st), -1);

	/* What a server left behind that ended without a farewell. */
	strcpy(address.sun_path, path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	CHECK_EQ(server_listen_path(second, path, 0600), 0);
	server_free(second);
	CHECK_EQ(stat(path, &st), -1);
}

static void test_other_files_are_left_alone(void)
{
	struct server *server;
	FILE *f = fopen(path, "w");

	fclose(f);
	CHECK_EQ(make_server(text, methods, &server), 0);
	CHECK_EQ(server_listen_path(server, path, 0600), -EADDRINUSE);
	CHECK_EQ(unlink(path), 0);
	/* Our own file, replaced by somebody else's meanwhile. */
	CHECK_EQ(server_listen_path(server, path, 0600), 0);
	CHECK_EQ(unlink(path), 0);
	f = fopen(path, "w");
	fclose(f);
	server_free(server);
	CHECK_EQ(unlink(path), 0);
}

static void test_foreign_descriptors_are_refused(void)
{
	struct server *server;
	int fds[2];

	CHECK_EQ(make_server(text, methods, &server), 0);
	CHECK_EQ(server_listen_fd(server, socket(AF_INET, SOCK_STREAM, 0)), -EINVAL);
	CHECK_EQ(server_listen_fd(server, socket(AF_UNIX, SOCK_STREAM, 0)), -EINVAL);
	CHECK_EQ(server_listen_fd(server, -1), -EINVAL);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(server_listen_fd(server, fds[0]), -EINVAL);
	close(fds[1]);
	server_free(server);
}

static struct client *connect_and_open(void)
{
	struct client *client;

	n_closed = n_drained = n_gone = n_dropped = 0;
	CHECK_EQ(client_connect(path, 1 << 20, &client), 0);
	CHECK_EQ(client_call(client, "a.b.Open", NULL, CLIENT_MORE), 0);
	turn_loop();
	CHECK(open_call);
	return client;
}

static size_t read_all(struct client *client)
{
	const char *data;
	size_t length, n = 0;

	while (client_next(client, 0, &data, &length) == 0)
		n++;
	return n;
}

static void test_queue_and_drain(struct server *server)
{
	struct client *client = connect_and_open();
	struct frame *frame;
	size_t sent = 0, got = 0;

	CHECK_EQ(frame_new(10000, &frame), 0);
	memset(frame->data, 'x', 9999);
	frame->data[9999] = '\0';
	CHECK_EQ(call_stalled_for(open_call, clock_ns(CLOCK_MONOTONIC)), 0);
	while (call_queued(open_call) < 500000) {
		CHECK_EQ(call_send(open_call, frame), 0);
		sent++;
	}
	usleep(2000);
	CHECK(call_stalled_for(open_call, clock_ns(CLOCK_MONOTONIC)) >= 2000000);
	CHECK_EQ(n_drained, 0);
	for (int i = 0; i < 100 && got < sent; i++) {
		got += read_all(client);
		turn_loop();
	}
	CHECK_EQ(got, sent);
	CHECK_EQ(n_drained, 1);
	CHECK_EQ(frame->n_refs, 1);
	frame_unref(frame);
	client_free(client);
	turn_loop();
	CHECK_EQ(n_closed, 1);
	CHECK_EQ(n_gone, 1);
	CHECK_EQ(n_dropped, 0);
}

/* Calls that were read already wait for the queue, and no event of the socket tells of them. */
static void test_pause_and_go_on(struct server *server)
{
	struct client *client;
	size_t n_calls = 50, got = 0;

	CHECK_EQ(client_connect(path, 1 << 20, &client), 0);
	for (size_t i = 0; i < n_calls; i++)
		CHECK_EQ(client_call(client, "a.b.Big", NULL, 0), 0);
	turn_loop();
	for (int i = 0; i < 1000 && got < n_calls; i++) {
		got += read_all(client);
		turn_loop();
	}
	CHECK_EQ(got, n_calls);
	client_free(client);
	turn_loop();
	CHECK_EQ(server_n_peers(server), 0);
}

static void test_peer_is_not_freed_while_sending(struct server *server)
{
	struct client *client = connect_and_open();
	struct frame *frame;

	CHECK_EQ(frame_new_copy("x", 2, &frame), 0);
	client_free(client);
	/* Several sends before the loop has its turn, as in a fan-out over all observers. */
	CHECK_EQ(call_send(open_call, frame), -EPIPE);
	CHECK_EQ(call_send(open_call, frame), -EPIPE);
	CHECK_EQ(call_send_json(open_call, json_object_new_object()), -EPIPE);
	CHECK_EQ(n_closed, 0);
	CHECK_EQ(server_n_peers(server), 1);
	turn_loop();
	CHECK_EQ(n_closed, 1);
	CHECK_EQ(n_gone, 1);
	CHECK_EQ(server_n_peers(server), 0);
	frame_unref(frame);
}

static void test_reply_to_a_lost_peer(struct server *server)
{
	struct client *client = connect_and_open();

	client_free(client);
	CHECK_EQ(call_reply(open_call, json_object_new_object()), -EPIPE);
	open_call = NULL;
	turn_loop();
	CHECK_EQ(n_closed, 0);
	CHECK_EQ(n_gone, 1);
}

static void test_drop(struct server *server)
{
	struct client *client = connect_and_open();
	const char *data;
	size_t length;

	call_drop_peer(open_call, "too slow");
	call_drop_peer(open_call, "not told");
	CHECK_EQ(n_closed, 0);
	turn_loop();
	CHECK_EQ(n_closed, 1);
	CHECK_EQ(n_dropped, 1);
	CHECK_STR(drop_reason, "too slow");
	CHECK_EQ(client_next(client, 1000, &data, &length), CLIENT_E_CLOSED);
	client_free(client);
}

static void answer_open_call(evutil_socket_t fd, short what, void *userdata)
{
	CHECK_EQ(call_reply(open_call, json_object_new_object()), 0);
	open_call = NULL;
}

/*
 * The turn that the answer asks for, and the garbage that ends the connection, come in one round
 * of the loop: what is queued must leave all the same.
 */
static void test_garbage_behind_a_queued_answer(struct server *server)
{
	struct client *client = connect_and_open();
	struct frame *frame;
	size_t sent = 0, got = 0;

	CHECK_EQ(frame_new(1000, &frame), 0);
	memset(frame->data, 'x', 999);
	frame->data[999] = '\0';
	for (; call_queued(open_call) == 0; sent++)
		CHECK_EQ(call_send(open_call, frame), 0);
	CHECK_EQ(write(client_fd(client), "garbage", 8), 8);
	CHECK_EQ(event_base_once(base, -1, EV_TIMEOUT, answer_open_call, NULL, NULL), 0);
	turn_loop();
	CHECK_EQ(server_n_peers(server), 1);
	for (int i = 0; i < 100 && server_n_peers(server) > 0; i++) {
		got += read_all(client);
		turn_loop();
	}
	CHECK_EQ(got + read_all(client), sent + 1);
	CHECK_STR(drop_reason, "not well-formed JSON");
	frame_unref(frame);
	client_free(client);
}

static void test_continues_only_with_more(struct server *server)
{
	struct client *client;

	CHECK_EQ(client_connect(path, 1000, &client), 0);
	CHECK_EQ(client_call(client, "a.b.Later", NULL, 0), 0);
	turn_loop();
	CHECK(open_call && !call_wants_more(open_call));
	CHECK_EQ(call_send_json(open_call, json_object_new_object()), -EINVAL);
	CHECK_EQ(call_reply(open_call, json_object_new_object()), 0);
	open_call = NULL;
	CHECK_EQ(read_all(client), 1);
	client_free(client);
	turn_loop();
}

static void test_flush(struct server *server)
{
	struct client *client = connect_and_open();
	struct frame *frame;
	const char *data;
	size_t length, n = 0;
	pid_t child;
	int status;

	CHECK_EQ(frame_new(100000, &frame), 0);
	memset(frame->data, 'x', 99999);
	frame->data[99999] = '\0';
	for (int i = 0; i < 20; i++)
		CHECK_EQ(call_send(open_call, frame), 0);
	CHECK(call_queued(open_call) > 0);
	/* Nobody reads: it takes its time and gives up. */
	server_flush(server, 20);
	CHECK(call_queued(open_call) > 0);
	child = fork();
	if (child == 0) {
		while (n < 20 && client_next(client, 5000, &data, &length) == 0)
			n++;
		_exit(n == 20 ? 0 : 1);
	}
	server_flush(server, 5000);
	CHECK_EQ(call_queued(open_call), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	frame_unref(frame);
	client_free(client);
}

int main(void)
{
	struct server *server;

	CHECK(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	base = event_base_new();
	test_interface_and_methods_agree();
	test_socket_file();
	test_other_files_are_left_alone();
	test_foreign_descriptors_are_refused();

	CHECK_EQ(make_server(text, methods, &server), 0);
	CHECK_EQ(server_listen_path(server, path, 0600), 0);
	test_queue_and_drain(server);
	test_pause_and_go_on(server);
	test_peer_is_not_freed_while_sending(server);
	test_reply_to_a_lost_peer(server);
	test_drop(server);
	test_garbage_behind_a_queued_answer(server);
	test_continues_only_with_more(server);
	test_flush(server);
	n_closed = 0;
	server_free(server);
	CHECK_EQ(n_closed, 1);
	event_base_free(base);
	CHECK_EQ(rmdir(directory), 0);
	return 0;
}
