/* SPDX-License-Identifier: Apache-2.0 */
/* Closes links in a thread of its own, because the kernel lets their closer wait. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

struct unlinker;

/* One link on its way to be closed; embedded in whoever waits for it, zero before its first use. */
struct unlink_job {
	TAILQ_ENTRY(unlink_job) entry;
	int fd;
	bool pending; /* read by unlinker_is_pending() */
};

/*
 * `closed` runs in the thread after each link, before its job is done. The thread starts with the
 * first job: who never detaches from a kernel function has none.
 */
int unlinker_new(void (*closed)(void *userdata), void *userdata, struct unlinker **ret);
/* Waits for all jobs. NULL is fine. */
void unlinker_free(struct unlinker *unlinker);

/* Readable after a job is done; unlinker_hear() makes it unreadable again. */
int unlinker_fd(const struct unlinker *unlinker);
void unlinker_hear(struct unlinker *unlinker);

/* Takes over `fd`. Without a thread to be had, it is closed here and now. */
void unlinker_close(struct unlinker *unlinker, struct unlink_job *job, int fd);
bool unlinker_is_pending(struct unlinker *unlinker, const struct unlink_job *job);
/* Blocks until this job, which is taken before all others, is done. */
void unlinker_wait(struct unlinker *unlinker, struct unlink_job *job);
void unlinker_wait_all(struct unlinker *unlinker);
