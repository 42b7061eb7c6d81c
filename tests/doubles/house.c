/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing but main() itself is left out: what constructs lbrd constructs it here. */
#define main lbrd_main
int lbrd_main(int argc, char **argv);
#include "daemon/main.c"
#undef main

#include <sys/socket.h>

#include "daemon/wire/peer.h"
#include "tests/doubles/house.h"
#include "tests/doubles/sample.h"
#include "tests/unit/check.h"

static struct daemon house;
static char policy[64];

/* Everybody may do everything but see addresses, which is root's. */
static void write_policy(const char *socket)
{
	FILE *file;

	snprintf(policy, sizeof(policy), "%s.conf", socket);
	file = fopen(policy, "w");
	CHECK(file && fputs("allow observe everyone\nallow attach everyone\n", file) > 0);
	CHECK_EQ(fclose(file), 0);
}

void house_open(void)
{
	static char socket[] = "/tmp/lbrd-house-XXXXXX/socket";
	char *slash = strrchr(socket, '/');

	kernel_load(sample_program());
	strcpy(slash - strlen("XXXXXX"), "XXXXXX");
	CHECK(mkdtemp(socket));
	*slash = '/';
	write_policy(socket);
	house = (struct daemon){.options = {
		.socket_path = socket, .policy = policy, .cache = "/dev/null",
	}};
	CHECK_EQ(daemon_construct(&house), 0);
	unlink(policy);
}

void house_close(void)
{
	char *directory = strdup(house.options.socket_path);

	house_clear();
	shut_down(&house);
	daemon_destroy(&house);
	*strrchr(directory, '/') = '\0';
	rmdir(directory);
	free(directory);
	kernel_load(NULL);
}

int house_connect(uid_t uid)
{
	struct peer *peer;
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_EQ(peer_new(house.api.server, fds[0], &peer), 0);
	peer->credentials.uid = uid;
	return fds[1];
}

void house_turn(void)
{
	pipeline_want_turn(house.pipeline);
	event_base_loop(house.base, EVLOOP_NONBLOCK);
}

uint32_t house_last_tracer(void)
{
	return trace_last_number(house.api.trace);
}

void house_clear(void)
{
	struct attachments *attachments = house.api.attachments;
	struct attachment *attachment = NULL;

	while ((attachment = attachments_next(attachments, attachment)))
		attachments_end(attachments, attachment, END_DETACHED);
	pipeline_finish(house.pipeline);
	house_turn();
	CHECK_EQ(attachments_count(attachments), 0);
}
