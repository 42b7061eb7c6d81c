// SPDX-License-Identifier: Apache-2.0
/*
 * Keep all CPUs of the machine busy with records switched on: system calls, page faults, pipes
 * between processes, timers, snapshots. usage: load ROUNDS
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "snapshot.h"

#define MAX_CPUS 64

static void one_round(int pipe_in, int pipe_out)
{
	char *page = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;
	int fd;

	for (int i = 0; i < 4; i++)
		page[i * 4096] = 1;
	munmap(page, 4 * 4096);
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	/* An address that the kernel, not we, has to fault in. */
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (read(fd, page, 64) < 0)
		_exit(1);
	munmap(page, 4096);
	close(fd);
	if (write(pipe_out, "x", 1) != 1 || read(pipe_in, &byte, 1) != 1)
		_exit(0);
	usleep(100);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), events[MAX_CPUS], there[2], back[2];
	int rounds = argc > 1 ? atoi(argv[1]) : 10;
	pid_t peer;

	if (load_program() < 0 || pipe(there) < 0 || pipe(back) < 0 || cpus > MAX_CPUS)
		return 1;
	for (int cpu = 0; cpu < cpus; cpu++) {
		events[cpu] = event_open(ANY | KERNEL, 0, cpu);
		if (events[cpu] < 0) {
			fprintf(stderr, "load: perf_event_open: %s\n", strerror(-events[cpu]));
			return 1;
		}
	}
	peer = fork();
	if (!peer) {
		pin(cpus - 1);
		for (;;)
			one_round(there[0], back[1]);
	}
	pin(0);
	while (rounds--) {
		one_round(back[0], there[1]);
		snapshot(cpus - 1);
	}
	for (int cpu = 0; cpu < cpus; cpu++)
		close(events[cpu]);
	kill(peer, SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
