/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's announcements of CPUs and modules that come and go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct uevent_news {
	bool modules; /* one came or went */
	bool cpus; /* the same */
	bool lost; /* anything may have happened */
};

/* A descriptor to give to uevents_read(), or a negative errno. */
int uevents_open(void);

/* Called for each CPU that went offline or came online. */
typedef void (*uevent_cpu_fn)(unsigned int cpu, void *userdata);

/* Reads what waits; one system call when it is nothing. Does not block. */
void uevents_read(int fd, uevent_cpu_fn cpu, void *userdata, struct uevent_news *ret);

/* Adds what one message ("online@/devices/system/cpu/cpu1\0ACTION=…") announces. */
void uevents_parse(const char *message, size_t size, uevent_cpu_fn cpu, void *userdata,
		struct uevent_news *news);
