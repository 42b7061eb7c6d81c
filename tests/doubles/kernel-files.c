/* SPDX-License-Identifier: Apache-2.0 */
/* The files and the system calls by which lbrd asks the kernel without libbpf. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/symbol/world.h"

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e);

int __wrap_open64(const char *path, int flags, ...)
{
	va_list arguments;
	int mode;

	if (!strcmp(path, "/proc/kallsyms"))
		path = world_kallsyms();
	va_start(arguments, flags);
	mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
	va_end(arguments);
	return __real_open64(path, flags, mode);
}

/* Branch records there are, but no reports of what is loaded. */
static long open_perf_event(const struct perf_event_attr *attr)
{
	if (attr->sample_type == PERF_SAMPLE_BRANCH_STACK)
		return memfd_create("perf", MFD_CLOEXEC);
	errno = EACCES;
	return -1;
}

/* What a caller did not give is whatever the registers hold, and looked at by nobody. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e)
{
	if (number == SYS_perf_event_open)
		return open_perf_event((const struct perf_event_attr *)a);
	return __real_syscall(number, a, b, c, d, e);
}

/*
 * Of libevent. The ring stands in a plain file here, which cannot be waited for: it is read when
 * the test says so.
 */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	long r = __real_syscall(SYS_epoll_ctl, epoll, operation, fd, event);

	return r < 0 && errno == EPERM ? 0 : r;
}
