/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of one run: starts two virtiofsd (the root file system read-only, the scratch
 * directory writable) and QEMU, passes standard input, output and error, and exits with the
 * command's status; 124 at the time limit, 125 when the machine failed.
 *
 * No child outlives this process, however it ends: each asks to be killed with its parent.
 *
 * usage: supervise SECONDS DIR SCRATCH VIRTIOFSD WORD… -- QEMU WORD…
 * QEMU gets the port's socket as file descriptor 3, and finds DIR/root.sock and DIR/scratch.sock;
 * DIR/console is the guest's console log.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "io.h"

#define EXIT_TIMEOUT 124
#define EXIT_MACHINE 125

static const char *dir;
static pid_t qemu;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "vm: %s: %s\n", what, strerror(errno));
	exit(EXIT_MACHINE);
}

/* Start a program whose file descriptor 3 is fd and whose output goes to DIR/log. */
static pid_t start(char **argv, int fd)
{
	pid_t parent = getpid(), pid = fork();
	char path[4096];
	sigset_t none;
	int log;

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_MACHINE);
	/* A terminal's Ctrl-C is for the supervisor, which ends the others in order. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(path, sizeof(path), "%s/log", dir);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(log, 1);
	dup2(log, 2);
	if (fd == 3)
		fcntl(fd, F_SETFD, 0);
	else
		dup2(fd, 3);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(EXIT_MACHINE);
}

static void start_virtiofsd(char **words, const char *name, const char *shared, char **options)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *argv[64], *share = NULL;
	int n = 0;

	/* Listening before QEMU starts: nobody has to wait for anybody. */
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s.sock", dir, name);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		die(addr.sun_path);
	while (*words && n < 40)
		argv[n++] = *words++;
	if (asprintf(&share, "--shared-dir=%s", shared) < 0)
		die("memory");
	argv[n++] = share;
	argv[n++] = "--fd=3";
	argv[n++] = "--sandbox=none";
	argv[n++] = "--seccomp=none";
	/* An overlay cannot cross them; this way they look like plain directories. */
	argv[n++] = "--no-announce-submounts";
	argv[n++] = "--inode-file-handles=never";
	argv[n++] = "--log-level=error";
	while (*options)
		argv[n++] = *options++;
	argv[n] = NULL;
	start(argv, fd);
	free(share);
	close(fd);
}

static void show(const char *name, const char *title)
{
	char path[4096], line[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(line, sizeof(line), f)) {
		fprintf(stderr, "vm: --- %s\n", title);
		do {
			fputs(line, stderr);
		} while (fgets(line, sizeof(line), f));
		fprintf(stderr, "vm: ---\n");
	}
	fclose(f);
}

static int machine_failed(const char *why)
{
	show("log", "QEMU and virtiofsd say");
	show("console", "the guest's console");
	fprintf(stderr, "vm: %s\n", why);
	return EXIT_MACHINE;
}

/* Frames are reassembled here, since a socket gives any portion of them. */
struct incoming {
	size_t have;
	char data[sizeof(struct frame_header) + FRAME_MAX];
};

/* Handle all whole frames; the exit status when the guest gave its last one, else -1. */
static int incoming_frames(struct incoming *in)
{
	struct frame_header header;
	uint32_t code;
	int fd;

	while (in->have >= sizeof(header)) {
		char *payload = in->data + sizeof(header);
		size_t whole;

		memcpy(&header, in->data, sizeof(header));
		if (header.len > FRAME_MAX)
			return machine_failed("the guest talks nonsense");
		whole = sizeof(header) + header.len;
		if (in->have < whole)
			break;
		switch (header.type) {
		case FRAME_STDOUT:
		case FRAME_STDERR:
			fd = header.type == FRAME_STDOUT ? 1 : 2;
			if (write_all(fd, payload, header.len) == -EPIPE)
				return 128 + SIGPIPE;
			break;
		case FRAME_STATUS:
			memcpy(&code, payload, sizeof(code));
			return code;
		case FRAME_FAILED:
			fprintf(stderr, "vm: the guest: %.*s\n", (int)header.len, payload);
			return machine_failed("the guest could not run the command");
		}
		memmove(in->data, in->data + whole, in->have - whole);
		in->have -= whole;
	}
	return -1;
}

/* Standard input on its way to the guest. */
struct outgoing {
	size_t start, end;
	char data[sizeof(struct frame_header) + 4096];
	int eof;
};

static void outgoing_read(struct outgoing *out)
{
	struct frame_header header = { .type = FRAME_STDIN };
	ssize_t n = read(0, out->data + sizeof(header), sizeof(out->data) - sizeof(header));

	out->eof = n <= 0;
	header.len = n > 0 ? n : 0;
	memcpy(out->data, &header, sizeof(header));
	out->start = 0;
	out->end = sizeof(header) + header.len;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int serve(int port, int signals, long long deadline)
{
	static struct incoming in;
	static struct outgoing out;
	int status;

	for (;;) {
		int pending = out.start < out.end;
		long long left = deadline ? deadline - now_ms() : -1;
		struct pollfd polls[] = {
			{ .fd = port, .events = POLLIN | (pending ? POLLOUT : 0) },
			{ .fd = signals, .events = POLLIN },
			{ .fd = pending || out.eof ? -1 : 0, .events = POLLIN },
		};
		struct signalfd_siginfo info;
		ssize_t n;

		if (deadline && left <= 0) {
			show("console", "the guest's console");
			fprintf(stderr, "vm: time limit reached\n");
			return EXIT_TIMEOUT;
		}
		if (poll(polls, 3, left) < 0)
			continue;
		if (polls[0].revents & (POLLIN | POLLHUP)) {
			n = read(port, in.data + in.have, sizeof(in.data) - in.have);
			if (n <= 0 && errno != EAGAIN && errno != EINTR)
				return machine_failed("the machine stopped before the command "
						      "ended");
			if (n > 0) {
				in.have += n;
				status = incoming_frames(&in);
				if (status >= 0)
					return status;
			}
			continue;
		}
		if (polls[0].revents & POLLOUT) {
			n = write(port, out.data + out.start, out.end - out.start);
			if (n > 0)
				out.start += n;
		}
		if (polls[2].revents)
			outgoing_read(&out);
		if (!(polls[1].revents & POLLIN) || read(signals, &info, sizeof(info)) < 0)
			continue;
		if (info.ssi_signo == SIGCHLD) {
			/* What QEMU's port still holds is read above, then its end of file. */
			while (waitpid(-1, &status, WNOHANG) > 0)
				;
			continue;
		}
		return 128 + info.ssi_signo;
	}
}

/* SIGTERM lets QEMU's plugins write their files; a QEMU that does not end is killed. */
static void stop_qemu(void)
{
	kill(qemu, SIGTERM);
	for (int i = 0; i < 3000; i++) {
		if (kill(qemu, 0) < 0 || waitpid(qemu, NULL, WNOHANG) != 0)
			return;
		usleep(10000);
	}
	kill(qemu, SIGKILL);
}

int main(int argc, char **argv)
{
	char *read_only[] = { "--readonly", "--cache=always", NULL };
	char *writable[] = { "--cache=auto", NULL };
	int pair[2], signals, status, i;
	long long deadline;
	char **virtiofsd;
	sigset_t mask;

	if (argc < 7)
		return EXIT_MACHINE;
	deadline = atoll(argv[1]) ? now_ms() + atoll(argv[1]) * 1000 : 0;
	dir = argv[2];
	virtiofsd = argv + 4;
	for (i = 4; i < argc && strcmp(argv[i], "--"); i++)
		;
	if (i >= argc - 1)
		return EXIT_MACHINE;
	argv[i] = NULL;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || signals < 0)
		die("socketpair");
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	start_virtiofsd(virtiofsd, "root", "/", read_only);
	start_virtiofsd(virtiofsd, "scratch", argv[3], writable);
	qemu = start(argv + i + 1, pair[1]);
	close(pair[1]);
	status = serve(pair[0], signals, deadline);
	stop_qemu();
	return status;
}
