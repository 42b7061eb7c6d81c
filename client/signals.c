/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second Ctrl-C is final even where the loop does not run, in a write(2) to a terminal that
 * somebody stopped, say: the handler itself gives the signal back to its default action.
 */
#include "client/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/clock.h"

/* timeout(1) signals the process and then its group: what follows so soon is the same. */
#define TWICE_MS 500

static volatile sig_atomic_t interrupted, resized;
static int64_t interrupted_at;
static int pipe_fds[2] = { -1, -1 };

static void wake(void)
{
	int saved = errno;

	/* A full pipe is as readable as one can be. */
	if (write(pipe_fds[1], "", 1) < 0)
		errno = saved;
}

static void on_interrupt(int number)
{
	if (!interrupted) {
		interrupted = 1;
		interrupted_at = clock_ms();
		wake();
	} else if (clock_ms() - interrupted_at >= TWICE_MS) {
		signal(number, SIG_DFL);
		raise(number);
	}
}

static void on_resize(int number)
{
	resized = 1;
	wake();
}

int signals_init(void)
{
	struct sigaction interrupt = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
	struct sigaction resize = { .sa_handler = on_resize, .sa_flags = SA_RESTART };

	/* One of the two must not come in the middle of the other. */
	sigaddset(&interrupt.sa_mask, SIGINT);
	sigaddset(&interrupt.sa_mask, SIGTERM);
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (sigaction(SIGINT, &interrupt, NULL) < 0 || sigaction(SIGTERM, &interrupt, NULL) < 0 ||
	    sigaction(SIGWINCH, &resize, NULL) < 0)
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
