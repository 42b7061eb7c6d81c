/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of CPUs as sysfs writes them: "0-3,8". */
#pragma once

#include <stddef.h>

struct cpu_list {
	unsigned int *cpus; /* ascending */
	size_t n;
};

/* -EBADMSG: not such a list. -ENOMEM. */
int cpu_list_parse(const char *text, struct cpu_list *ret);

/* The CPUs that are online now. Negative errno. */
int cpu_list_read_online(struct cpu_list *ret);

void cpu_list_deinit(struct cpu_list *list);
