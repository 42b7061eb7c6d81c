/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recording is made up of this machine's own kernel functions, where they may be seen: so there
 * is something to name. Nothing of it needs a privilege.
 */
#include "tests/feed/feed.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/record.h"
#include "common/macro.h"

#define FUNCTIONS 500
#define RECORDS 16 /* different ones: a hot set, as of a target that is called over and over */
#define DEPTH 32

/* ---- the recording ---- */

static size_t read_functions(uint64_t *ret)
{
	FILE *kallsyms = fopen("/proc/kallsyms", "re");
	uint64_t address;
	char line[512], type;
	size_t n = 0, k = 0;

	while (kallsyms && n < FUNCTIONS && fgets(line, sizeof(line), kallsyms))
		if (sscanf(line, "%" SCNx64 " %c", &address, &type) == 2 && address &&
				(type == 't' || type == 'T') && k++ % 50 == 0)
			ret[n++] = address;
	if (kallsyms)
		fclose(kallsyms);
	for (; n < FUNCTIONS; n++)
		ret[n] = FEED_TARGET + 0x1000 * (n + 1);
	return n;
}

static void make_record(struct lbrd_record *record, const uint64_t *functions, size_t i)
{
	*record = (struct lbrd_record){
		.cpu = i % 4,
		.pid = 1000,
		.tid = 1000 + i % 7,
		.comm = "recorded",
		.branch_bytes = DEPTH * sizeof(struct perf_branch_entry),
	};
	for (size_t k = 0; k < DEPTH; k++)
		record->branches[k] = (struct perf_branch_entry){
			.from = functions[(31 * i + 7 * k) % FUNCTIONS] + 2 * k,
			.to = functions[(17 * i + 13 * k) % FUNCTIONS] + 3 * k,
			.cycles = k,
		};
	record->branches[0].from = FEED_TARGET + FEED_TARGET_SIZE - 1;
	record->branches[DEPTH / 2].to = FEED_TARGET;
}

static int make_recording(void)
{
	int fd = memfd_create("records", 0);
	size_t size = LBRD_RECORD_HEADER_SIZE + DEPTH * sizeof(struct perf_branch_entry);
	uint64_t functions[FUNCTIONS];
	struct lbrd_record record;

	read_functions(functions);
	for (size_t i = 0; i < RECORDS; i++) {
		make_record(&record, functions, i);
		if (write(fd, &record, size) != (ssize_t)size)
			err(1, "recording");
	}
	return fd;
}

/* ---- lbrd ---- */

static void write_policy(const struct feed *feed)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/policy", feed->directory);
	f = fopen(path, "we");
	if (!f || fputs("allow observe everyone\nallow attach everyone\n"
			"allow administer everyone\nallow addresses everyone\n", f) < 0 ||
			fclose(f) == EOF)
		err(1, "%s", path);
}

static void run_lbrd(const struct feed *feed, const char *lbrd, int pipe, int records)
{
	char value[64], policy[96];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(value, sizeof(value), "%d,%d", pipe, records);
	snprintf(policy, sizeof(policy), "%s/policy", feed->directory);
	setenv("LBRD_FEED", value, 1);
	execl(lbrd, lbrd, "--socket", feed->socket, "--cache", feed->directory, "--policy", policy,
			NULL);
	err(1, "%s", lbrd);
}

static int try_connect(const struct feed *feed)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, feed->socket, sizeof(feed->socket));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

void feed_start(struct feed *feed, const char *lbrd)
{
	int records = make_recording(), ring[2], fd;

	strcpy(feed->directory, "/tmp/lbrd-feed-XXXXXX");
	if (!mkdtemp(feed->directory) || pipe(ring) < 0)
		err(1, "feed");
	snprintf(feed->socket, sizeof(feed->socket), "%s/socket", feed->directory);
	write_policy(feed);
	feed->ring = ring[1];
	fcntl(feed->ring, F_SETFD, FD_CLOEXEC);
	fcntl(feed->ring, F_SETFL, O_NONBLOCK);
	feed->lbrd = fork();
	if (feed->lbrd == 0)
		run_lbrd(feed, lbrd, ring[0], records);
	close(ring[0]);
	close(records);
	while ((fd = try_connect(feed)) < 0) {
		if (waitpid(feed->lbrd, NULL, WNOHANG))
			errx(1, "lbrd ended");
		usleep(1000);
	}
	close(fd);
}

void feed_stop(struct feed *feed)
{
	char command[64];
	int status;

	kill(feed->lbrd, SIGTERM);
	waitpid(feed->lbrd, &status, 0);
	close(feed->ring);
	snprintf(command, sizeof(command), "rm -r %s", feed->directory);
	if (system(command) != 0 || status != 0)
		errx(1, "lbrd ended with status %#x", status);
}

/* ---- the ring ---- */

size_t feed_waiting(const struct feed *feed)
{
	int n;

	if (ioctl(feed->ring, FIONREAD, &n) < 0)
		err(1, "ring");
	return n;
}

size_t feed_offer(struct feed *feed, size_t n)
{
	static const char zeroes[FEED_RING];
	size_t room = FEED_RING - feed_waiting(feed);
	ssize_t written;

	n = MIN(n, room);
	if (n == 0)
		return 0;
	written = write(feed->ring, zeroes, n);
	if (written < 0 && errno != EAGAIN)
		err(1, "ring");
	return MAX(written, 0);
}

/* ---- calls ---- */

int feed_connect(const struct feed *feed)
{
	int fd = try_connect(feed);

	if (fd < 0)
		err(1, "%s", feed->socket);
	return fd;
}

void feed_call(int fd, const char *call, char *reply, size_t size)
{
	size_t n = 0;

	if (send(fd, call, strlen(call) + 1, MSG_NOSIGNAL) < 0)
		err(1, "%s", call);
	/* Byte by byte: what comes behind is another's to read. */
	do {
		if (n == size || recv(fd, reply + n, 1, 0) != 1)
			errx(1, "no answer to %s", call);
	} while (reply[n++]);
}

unsigned int feed_attach(const struct feed *feed, const char *function, bool without_branches)
{
	int fd = feed_connect(feed);
	char call[256], reply[4096];
	const char *id;

	snprintf(call, sizeof(call), "{\"method\":\"io.lbrd.Attach\",\"parameters\":{\"persistent\":true,"
			"\"withoutBranches\":%s,\"targets\":[{\"kernelFunction\":\"%s\"}]}}",
			without_branches ? "true" : "false", function);
	feed_call(fd, call, reply, sizeof(reply));
	close(fd);
	id = strstr(reply, "\"id\":");
	if (!id)
		errx(1, "%s", reply);
	return strtoul(id + strlen("\"id\":"), NULL, 10);
}

/* ---- what it costs ---- */

static uint64_t read_number(const struct feed *feed, const char *file, const char *before)
{
	char path[64], text[4096];
	const char *number;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", feed->lbrd, file);
	f = fopen(path, "re");
	if (!f)
		err(1, "%s", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	number = strstr(text, before);
	return number ? strtoull(number + strlen(before), NULL, 10) : 0;
}

uint64_t feed_cpu(const struct feed *feed)
{
	return read_number(feed, "schedstat", "");
}

size_t feed_peak_memory(const struct feed *feed)
{
	return read_number(feed, "status", "VmHWM:") * 1024;
}
