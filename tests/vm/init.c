/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's first process, the only program in its initramfs: loads the modules, makes the
 * host's root file system writable by an overlay, mounts what a Linux machine has, runs the one
 * command and passes its input, output and exit status through the virtio-serial port. With
 * lbrd.systemd=1 on the kernel's command line it then leaves its place to systemd, and does the
 * rest as an ordinary process.
 *
 * Everything said here goes to the console log; the command's output never does.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "io.h"
#include "systemd.h"

static int port = -1;

/* The machine cannot run the command: say why to the supervisor, or at least on the console. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	char message[512];
	int saved = errno;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (saved) {
		strncat(message, ": ", sizeof(message) - strlen(message) - 1);
		strncat(message, strerror(saved), sizeof(message) - strlen(message) - 1);
	}
	printf("init: %s\n", message);
	fflush(stdout);
	if (port >= 0)
		frame_write(port, FRAME_FAILED, message, strlen(message));
	else
		reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void mount_at(const char *source, const char *target, const char *type,
		     unsigned long flags, const char *options)
{
	mkdir(target, 0755);
	if (mount(source, target, type, flags, options) < 0)
		fail("mount %s on %s", type ? type : source, target);
}

/* Load "/modules/NN-name.ko" in the order of their names; "parameters" is for the last one. */
static void load_modules(const char *parameters)
{
	struct dirent **names;
	int n = scandir("/modules", &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[300];
		int fd;

		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", names[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (syscall(SYS_finit_module, fd, strstr(path, "lbr-guest") ? parameters : "", 0) &&
		    errno != EEXIST)
			fail("load module %s", names[i]->d_name);
		close(fd);
	}
}

static void open_port(void)
{
	char path[300];
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry = NULL;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			break;
	if (!entry)
		fail("no virtio-serial port");
	snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
	port = open(path, O_RDWR | O_CLOEXEC);
	if (port < 0)
		fail("open %s", path);
	closedir(dir);
}

/* The value of "name=" on the kernel's command line, or NULL. */
static char *command_line(const char *name)
{
	static char line[8192];
	size_t len = strlen(name);
	char *copy, *word, *save;
	FILE *f = fopen("/proc/cmdline", "re");

	if (!f || !fgets(line, sizeof(line), f))
		fail("read /proc/cmdline");
	fclose(f);
	copy = strdup(line);
	for (word = strtok_r(copy, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		if (!strncmp(word, name, len) && word[len] == '=')
			return word + len + 1;
	return NULL;
}

static void mount_root(void)
{
	mount_at("root", "/host", "virtiofs", MS_RDONLY, NULL);
	mount_at("tmpfs", "/over", "tmpfs", 0, "mode=0755");
	mkdir("/over/upper", 0755);
	mkdir("/over/work", 0755);
	mount_at("root", "/root", "overlay", 0,
		 "lowerdir=/host,upperdir=/over/upper,workdir=/over/work");
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		fail("enter the root file system");

	mount_at("proc", "/proc", "proc", 0, NULL);
	mount_at("sysfs", "/sys", "sysfs", 0, NULL);
	mount_at("devtmpfs", "/dev", "devtmpfs", 0, "mode=0755");
	mount_at("devpts", "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666");
	mount_at("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
	mount_at("tmpfs", "/run", "tmpfs", 0, "mode=0755");
	mkdir("/run/lock", 01777);
	mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	mount_at("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700");
	mount_at("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount_at("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

/* Show the guest kernel's own modules and /boot, which the host has only in the cache. */
static void mount_kernel_files(const char *kernel)
{
	char source[4096], target[256];
	struct utsname name;

	uname(&name);
	mkdir("/lib/modules", 0755);
	snprintf(source, sizeof(source), "%s/lib/modules/%s", kernel, name.release);
	snprintf(target, sizeof(target), "/lib/modules/%s", name.release);
	mount_at(source, target, NULL, MS_BIND, NULL);
	snprintf(source, sizeof(source), "%s/boot", kernel);
	mount_at(source, "/boot", NULL, MS_BIND, NULL);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP | IFF_RUNNING;
		ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
}

/* The files "argv" and "env" of the run's directory hold NUL-terminated strings. */
static char **read_strings(const char *dir, const char *name)
{
	char path[4096], *data, **strings;
	struct stat st;
	size_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		fail("open %s", path);
	data = calloc(1, st.st_size + 1);
	strings = calloc(st.st_size + 1, sizeof(*strings));
	if (read(fd, data, st.st_size) != st.st_size)
		fail("read %s", path);
	close(fd);
	for (char *p = data; p < data + st.st_size; p += strlen(p) + 1)
		strings[n++] = p;
	return strings;
}

/* argv[0] is the directory to run in. */
static pid_t spawn(char **argv, char **env, int fds[3])
{
	int in[2], out[2], err[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (chdir(argv[0]) < 0) {
			dprintf(2, "vm: %s: %s\n", argv[0], strerror(errno));
			_exit(126);
		}
		environ = env;
		execvp(argv[1], argv + 1);
		dprintf(2, "vm: %s: %s\n", argv[1], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	fds[0] = in[1];
	fds[1] = out[0];
	fds[2] = err[0];
	return pid;
}

/* Input on its way from the port into the command; read only when the last piece is gone. */
struct input {
	struct frame_header header;
	size_t have;		/* of the header */
	size_t left;		/* of the payload, still to be read */
	char data[4096];
	size_t start, end;
};

static void input_fill(struct input *input, int *fd)
{
	ssize_t n;

	if (input->have < sizeof(input->header)) {
		n = read(port, (char *)&input->header + input->have,
			 sizeof(input->header) - input->have);
		if (n <= 0)
			return;
		input->have += n;
		if (input->have < sizeof(input->header))
			return;
		input->left = input->header.len;
		if (!input->left) {
			if (*fd >= 0)
				close(*fd);
			*fd = -1;
			input->have = 0;
		}
		return;
	}
	n = read(port, input->data, input->left < sizeof(input->data) ? input->left :
		 sizeof(input->data));
	if (n <= 0)
		return;
	input->start = 0;
	input->end = n;
	input->left -= n;
	if (!input->left)
		input->have = 0;
}

static void input_drain(struct input *input, int *fd)
{
	size_t len = input->end - input->start;
	ssize_t n = *fd < 0 ? -1 : write(*fd, input->data + input->start, len);

	if (n >= 0) {
		input->start += n;
	} else if (*fd < 0 || errno != EAGAIN) {
		/* Nobody reads it any more: swallow the rest. */
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		input->start = input->end;
	}
}

/* Pass on what a pipe holds; at its end close it. */
static int output_pass(int *fd, uint32_t type)
{
	static char buffer[FRAME_MAX];
	ssize_t n = read(*fd, buffer, sizeof(buffer));

	if (n > 0) {
		frame_write(port, type, buffer, n);
		return 1;
	}
	if (n == 0) {
		close(*fd);
		*fd = -1;
	}
	return 0;
}

static void serve(pid_t child, int fds[3])
{
	static struct input input;
	sigset_t mask;
	int signals;
	uint32_t code;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		int pending = input.start < input.end;
		struct pollfd polls[] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = fds[1], .events = POLLIN },
			{ .fd = fds[2], .events = POLLIN },
			{ .fd = pending ? -1 : port, .events = POLLIN },
			{ .fd = pending ? fds[0] : -1, .events = POLLOUT },
		};
		struct signalfd_siginfo info;
		int status;
		pid_t pid;

		poll(polls, 5, pending && fds[0] < 0 ? 0 : -1);
		if (polls[1].revents)
			output_pass(&fds[1], FRAME_STDOUT);
		if (polls[2].revents)
			output_pass(&fds[2], FRAME_STDERR);
		if (polls[3].revents & POLLIN)
			input_fill(&input, &fds[0]);
		if (pending)
			input_drain(&input, &fds[0]);
		if (!polls[0].revents || read(signals, &info, sizeof(info)) < 0)
			continue;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid != child)
				continue;
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			while (fds[1] >= 0 && output_pass(&fds[1], FRAME_STDOUT))
				;
			while (fds[2] >= 0 && output_pass(&fds[2], FRAME_STDERR))
				;
			frame_write(port, FRAME_STATUS, &code, sizeof(code));
			return;
		}
	}
}

/* Process 1 becomes systemd; what returns, when that has booted, is another process. */
static void boot_systemd(void)
{
	int fd = systemd_prepare();
	const char *failure;

	if (fd < 0)
		fail("prepare systemd");
	switch (fork()) {
	case -1:
		fail("fork");
	case 0:
		failure = systemd_wait(fd);
		if (failure)
			fail("%s", failure);
		close(fd);
		break;
	default:
		systemd_exec();
		fail("start systemd");
	}
}

int main(void)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	char *dir, *kernel, *scratch, *parameters;
	sigset_t mask;
	pid_t child;
	int fds[3];

	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_at("proc", "/proc", "proc", 0, NULL);
	mount_at("sysfs", "/sys", "sysfs", 0, NULL);
	mount_at("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	dir = command_line("lbrd.dir");
	kernel = command_line("lbrd.kernel");
	scratch = command_line("lbrd.scratch");
	if (!dir || !kernel || !scratch)
		fail("the kernel's command line lacks lbrd.dir, lbrd.kernel or lbrd.scratch");
	parameters = command_line("lbrd.lbr") ?: "";
	for (char *p = parameters; *p; p++)
		if (*p == ',')
			*p = ' ';
	load_modules(parameters);
	open_port();
	mount_root();
	mount_kernel_files(kernel);
	mount_at("scratch", scratch, "virtiofs", 0, NULL);
	loopback_up();
	sethostname("lbrd-vm", 7);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (command_line("lbrd.systemd"))
		boot_systemd();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	errno = 0;
	child = spawn(read_strings(dir, "argv"), read_strings(dir, "env"), fds);
	serve(child, fds);
	/* The supervisor ends the machine when it has the status. */
	for (;;)
		pause();
}
