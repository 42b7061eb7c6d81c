/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between fork() and the builder. What may be read is opened first, by this process, which may open
 * it; then everything is given away, and only what has nothing left looks into the files. The rule
 * that must not break: no byte of a file is looked at before give_up_privileges().
 */
#include "daemon/index-child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "common/sanitized.h"
#include "daemon/symbol/debug-info.h"

#define NOBODY 65534 /* the kernel's overflow uid */
#define MAX_FILES 16
#define PATH_SIZE 64 /* of "/proc/self/fd/N" */
#define DEBUGINFOD_DIRECTORY "debuginfod"

/* What the builder may read. */
struct files {
	int fds[MAX_FILES];
	char *paths[MAX_FILES];
	size_t n;
};

/* ---- what it must not have ---- */

static void limit(int resource, uint64_t value)
{
	setrlimit(resource, &(struct rlimit){ value, value });
}

static void limit_resources(const struct index_child_config *config)
{
	/* The sanitizers reserve terabytes that nobody touches. */
	if (!SANITIZED)
		limit(RLIMIT_DATA, config->max_memory);
	limit(RLIMIT_CPU, config->max_seconds);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 64);
}

/*
 * Whatever else this machine does goes first, but where it is never idle the builder must come to
 * an end as well: at nice 19 it has a seventieth of a CPU that one other process keeps busy, with
 * SCHED_IDLE it would have a fifth of that.
 */
static void step_back(void)
{
	static const struct sched_param none;
	int fd;

	setpriority(PRIO_PROCESS, 0, 19);
	sched_setscheduler(0, SCHED_BATCH, &none);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7));
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1000", 4) != 4)
			errno = 0; /* then it is as likely as others to be killed */
		close(fd);
	}
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	return syscall(SYS_capset, &header, none) == 0;
}

/* `network` stays only for debuginfod-find. False: something could not be given up. */
static bool give_up_privileges(bool network)
{
	bool root = geteuid() == 0;

	if (!network)
		unshare(CLONE_NEWNET | CLONE_NEWIPC); /* needs CAP_SYS_ADMIN */
	/* While they are there: what is not in the bounding set never comes back. */
	for (int i = 0; root && prctl(PR_CAPBSET_READ, i) >= 0; i++)
		prctl(PR_CAPBSET_DROP, i);
	if (root && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return false;
	if (!drop_capabilities() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	/* Cleared by the change of the user. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

/* ---- what it gets ---- */

static bool open_file(const char *path, void *userdata)
{
	struct files *files = userdata;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return true;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return true;
	}
	files->paths[files->n] = strdup(path);
	files->fds[files->n++] = fd;
	return files->n < MAX_FILES;
}

static void open_files(const struct index_child_config *config, struct files *files)
{
	struct utsname uts;

	uname(&uts);
	debug_info_paths(config->root, config->object, config->build_id, uts.release, open_file,
			 files);
}

static void run_debuginfod_find(const char *build_id, int output)
{
	if (!give_up_privileges(true) || dup2(output, STDOUT_FILENO) < 0)
		_exit(1);
	execlp("debuginfod-find", "debuginfod-find", "debuginfo", build_id, NULL);
	_exit(1);
}

/* The path that debuginfod-find prints is somebody else's word: it is opened without privileges. */
static bool ask_debuginfod(const struct index_child_config *config, char *path, size_t size)
{
	char cache[PATH_MAX];
	ssize_t length = 0, n;
	int fds[2], status;
	pid_t pid;

	snprintf(cache, sizeof(cache), "%s/" DEBUGINFOD_DIRECTORY, config->directory);
	mkdir(cache, 0755);
	if (geteuid() == 0 && chown(cache, NOBODY, NOBODY) < 0)
		return false;
	setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		run_debuginfod_find(config->build_id, fds[1]);
	close(fds[1]);
	while (length < (ssize_t)size - 1 &&
	       (n = read(fds[0], path + length, size - 1 - (size_t)length)) > 0)
		length += n;
	close(fds[0]);
	path[length] = '\0';
	path[strcspn(path, "\n")] = '\0';
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && path[0] == '/';
}

/* ---- the process ---- */

/* The standard ones, and behind them the file to be written. */
#define N_FDS 4
#define OUTPUT_TEXT "3"

/* Leaves of all descriptors only `keep`, as 0, 1 and so on. */
static bool keep_descriptors(const int *keep)
{
	int aside[N_FDS];

	for (int i = 0; i < N_FDS; i++) {
		aside[i] = fcntl(keep[i], F_DUPFD, N_FDS);
		if (aside[i] < 0)
			return false;
	}
	for (int i = 0; i < N_FDS; i++)
		if (dup2(aside[i], i) < 0)
			return false;
	return syscall(SYS_close_range, (unsigned int)N_FDS, ~0u, 0u) == 0;
}

static void forget_daemon(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGPIPE, SIGBUS };
	static const char *const variables[] = {
		"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
		"WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM",
	};
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
}

/* The builder knows files by descriptors: their directories may be closed to nobody. */
static void execute(const struct index_child_config *config, int builder, const struct files *files)
{
	static const char *const fixed[] = { "lbrd-index", "--progress", "--output-fd", OUTPUT_TEXT,
					     "--build-id" };
	const char *arguments[ARRAY_SIZE(fixed) + 1 + MAX_FILES + 1];
	char paths[MAX_FILES][PATH_SIZE];
	size_t n = ARRAY_SIZE(fixed);

	memcpy(arguments, fixed, sizeof(fixed));
	arguments[n++] = config->build_id;
	for (size_t i = 0; i < files->n; i++) {
		snprintf(paths[i], PATH_SIZE, "/proc/self/fd/%d", files->fds[i]);
		dprintf(STDOUT_FILENO, "file %s %s\n", paths[i], files->paths[i]);
		arguments[n++] = paths[i];
	}
	arguments[n] = NULL;
	limit(RLIMIT_FSIZE, config->max_output); /* not before: downloads are larger */
	fexecve(builder, (char **)arguments, environ);
	dprintf(STDERR_FILENO, "%s cannot be run: %s\n", config->builder, strerror(errno));
}

__attribute__((noreturn))
static void run(const struct index_child_config *config, const int *keep)
{
	char downloaded[PATH_MAX] = "";
	struct files files = { .n = 0 };
	int builder;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	forget_daemon();
	if (!keep_descriptors(keep))
		_exit(1);
	builder = open(config->builder, O_RDONLY); /* a script is read again by its interpreter */
	limit_resources(config);
	step_back();
	if (!config->download)
		open_files(config, &files);
	else if (!ask_debuginfod(config, downloaded, sizeof(downloaded)))
		_exit(INDEX_CHILD_NOTHING);
	if (!give_up_privileges(false)) {
		dprintf(STDERR_FILENO, "privileges cannot be given up: %s\n", strerror(errno));
		_exit(1);
	}
	if (downloaded[0])
		open_file(downloaded, &files);
	if (files.n == 0)
		_exit(INDEX_CHILD_NOTHING);
	execute(config, builder, &files);
	_exit(1);
}

char *index_child_find_builder(void)
{
	static const char beside[] = "/index-builder/lbrd-index";
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(beside));
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash, beside);
		if (access(path, X_OK) == 0)
			return strdup(path);
	}
	return strdup(LBRD_INDEX);
}

bool index_child_may_download(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && *urls;
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ret_read = fds[0];
	*ret_write = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int index_child_start(const struct index_child_config *config, struct index_child *ret)
{
	_cleanup_close_ int nothing = -1, progress = -1, progress_end = -1;
	_cleanup_close_ int complaints = -1, complaints_end = -1;
	int r, exited;
	pid_t pid;

	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	r = nothing < 0 ? -errno : make_pipe(&progress, &progress_end);
	if (r == 0)
		r = make_pipe(&complaints, &complaints_end);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run(config, (int[]){ nothing, progress_end, complaints_end, config->output });
	setpgid(pid, pid);
	exited = (int)syscall(SYS_pidfd_open, pid, 0);
	if (exited < 0) {
		r = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return r;
	}
	*ret = (struct index_child){
		.pid = pid,
		.exited = exited,
		.progress = TAKE_FD(progress),
		.complaints = TAKE_FD(complaints),
	};
	return 0;
}

void index_child_kill(const struct index_child *child)
{
	kill(-child->pid, SIGKILL);
	kill(child->pid, SIGKILL);
}
