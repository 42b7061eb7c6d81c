/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SA_RESETHAND makes the second Ctrl-C final even where the loop does not run: in a write(2) to a
 * terminal that somebody stopped.
 */
#include "client/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted, resized;
static int pipe_fds[2] = { -1, -1 };

static void note(int number)
{
	int saved = errno;

	if (number == SIGWINCH)
		resized = 1;
	else
		interrupted = 1;
	/* A full pipe is as readable as one can be. */
	if (write(pipe_fds[1], "", 1) < 0)
		errno = saved;
	errno = saved;
}

int signals_init(void)
{
	struct sigaction once = { .sa_handler = note, .sa_flags = SA_RESTART | SA_RESETHAND };
	struct sigaction always = { .sa_handler = note, .sa_flags = SA_RESTART };

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (sigaction(SIGINT, &once, NULL) < 0 || sigaction(SIGTERM, &once, NULL) < 0 ||
	    sigaction(SIGWINCH, &always, NULL) < 0)
		return -errno;
	return 0;
}

int signals_fd(void)
{
	return pipe_fds[0];
}

void signals_clear(void)
{
	char bytes[64];

	while (read(pipe_fds[0], bytes, sizeof(bytes)) > 0)
		continue;
}

bool signals_interrupted(void)
{
	return interrupted;
}

bool signals_resized(void)
{
	bool was = resized;

	resized = 0;
	return was;
}
