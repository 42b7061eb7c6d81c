/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU that goes and comes back between two looks at the list of CPUs leaves its perf events dead
 * with nothing to see; and no list tells that one module took another's memory. The kernel's
 * messages to udev tell both, and wait for us in the socket.
 */
#include "daemon/symbol/uevents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "common/cleanup.h"

#define KERNEL_GROUP 1
#define MAX_MESSAGES 1024 /* in one reading; the rest waits for the next */

int uevents_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
					NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

void uevents_parse(const char *message, size_t size, uevent_cpu_fn cpu, void *userdata,
		struct uevent_news *news)
{
	static const char cpu_path[] = "/devices/system/cpu/cpu", module_path[] = "/module/";
	const char *path;

	if (!memchr(message, '\0', size))
		return;
	path = strchr(message, '@');
	if (!path)
		return;
	path++;
	if (!strncmp(path, module_path, strlen(module_path))) {
		news->modules = true;
	} else if (!strncmp(path, cpu_path, strlen(cpu_path))) {
		const char *number = path + strlen(cpu_path);
		char *end;
		unsigned long n = strtoul(number, &end, 10);

		if (end == number || *end || n > 65535)
			return;
		news->cpus = true;
		if (cpu)
			cpu(n, userdata);
	}
}

void uevents_read(int fd, uevent_cpu_fn cpu, void *userdata, struct uevent_news *ret)
{
	*ret = (struct uevent_news){};
	for (unsigned int i = 0; i < MAX_MESSAGES; i++) {
		struct sockaddr_nl sender = {};
		socklen_t length = sizeof(sender);
		char message[4096];
		ssize_t n = recvfrom(fd, message, sizeof(message), 0,
				     (struct sockaddr *)&sender, &length);

		if (n < 0 && errno == ENOBUFS)
			ret->lost = true;
		else if (n < 0)
			return;
		else if (sender.nl_pid == 0) /* the kernel; anybody else is no news */
			uevents_parse(message, n, cpu, userdata, ret);
	}
}
