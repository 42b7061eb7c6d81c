/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An administrator who copies a file over the one in use cuts it off for a moment. That must not
 * end the daemon. The rule that must not break: the jump leads only out of a call that is going on.
 */
#include "daemon/symbol/mapped-file.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

static sigjmp_buf way_out;
static volatile sig_atomic_t reading;

static void on_missing_page(int number)
{
	if (reading)
		siglongjmp(way_out, 1);
	signal(number, SIG_DFL);
	raise(number);
}

bool mapped_file_read(void (*fn)(void *userdata), void *userdata)
{
	/* The mask is not saved, which would be a system call, so the signal must not be masked. */
	static const struct sigaction action = {
		.sa_handler = on_missing_page,
		.sa_flags = SA_NODEFER,
	};
	static bool installed;

	if (!installed) {
		sigaction(SIGBUS, &action, NULL);
		installed = true;
	}
	if (sigsetjmp(way_out, 0)) {
		reading = false;
		return false;
	}
	reading = true;
	fn(userdata);
	reading = false;
	return true;
}
