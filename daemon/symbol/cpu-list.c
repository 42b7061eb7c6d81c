/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers are the kernel's own, but bounded all the same: a list is at most MAX_CPUS long. */
#include "daemon/symbol/cpu-list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"

#define ONLINE "/sys/devices/system/cpu/online"
#define MAX_CPUS 8192 /* CONFIG_NR_CPUS with MAXSMP */

static int append(struct cpu_list *list, unsigned int first, unsigned int last)
{
	unsigned int *grown;

	if (last < first || last >= MAX_CPUS ||
	    (list->n && first <= list->cpus[list->n - 1]))
		return -EBADMSG;
	grown = reallocarray(list->cpus, list->n + last - first + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->cpus = grown;
	while (first <= last)
		list->cpus[list->n++] = first++;
	return 0;
}

int cpu_list_parse(const char *text, struct cpu_list *ret)
{
	struct cpu_list list = {};
	int r = 0;

	while (r == 0 && *text && *text != '\n') {
		unsigned long first, last;
		char *end;

		first = last = strtoul(text, &end, 10);
		if (end != text && *end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
		}
		if (end == text || (*end && *end != ',' && *end != '\n'))
			r = -EBADMSG;
		else if (first >= MAX_CPUS || last >= MAX_CPUS)
			r = -EBADMSG;
		else
			r = append(&list, first, last);
		text = *end == ',' ? end + 1 : end;
	}
	if (r < 0) {
		cpu_list_deinit(&list);
		return r;
	}
	*ret = list;
	return 0;
}

int cpu_list_read_online(struct cpu_list *ret)
{
	_cleanup_close_ int fd = open(ONLINE, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return cpu_list_parse(text, ret);
}

void cpu_list_deinit(struct cpu_list *list)
{
	free(list->cpus);
	*list = (struct cpu_list){};
}
