/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing the link to a kernel function takes the kernel some 20 to 100 ms, because
 * unregister_ftrace_direct() waits, under one mutex for all, until no task can be in the
 * trampoline. A loop that did it would stand still for seconds when an attachment of a hundred
 * functions ends. Several threads would only wait for each other's mutex, so there is one.
 *
 * The rule that must not break: a job is touched by the thread only while it is pending.
 */
#include "daemon/trace/unlinker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"

struct unlinker {
	void (*closed)(void *userdata);
	void *userdata;
	pthread_mutex_t mutex; /* protects what follows */
	pthread_cond_t changed;
	TAILQ_HEAD(, unlink_job) jobs;
	size_t n_pending;
	bool ending;
	bool running; /* the thread was started; only its owner looks */
	pthread_t thread;
	int done_fd;
};

int unlinker_new(void (*closed)(void *userdata), void *userdata, struct unlinker **ret)
{
	struct unlinker *unlinker = calloc(1, sizeof(*unlinker));

	if (!unlinker)
		return -ENOMEM;
	unlinker->closed = closed;
	unlinker->userdata = userdata;
	TAILQ_INIT(&unlinker->jobs);
	pthread_mutex_init(&unlinker->mutex, NULL);
	pthread_cond_init(&unlinker->changed, NULL);
	unlinker->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (unlinker->done_fd < 0) {
		int error = errno;

		unlinker_free(unlinker);
		return -error;
	}
	*ret = unlinker;
	return 0;
}

void unlinker_free(struct unlinker *unlinker)
{
	if (!unlinker)
		return;
	if (unlinker->running) {
		pthread_mutex_lock(&unlinker->mutex);
		unlinker->ending = true;
		pthread_cond_broadcast(&unlinker->changed);
		pthread_mutex_unlock(&unlinker->mutex);
		pthread_join(unlinker->thread, NULL);
	}
	pthread_cond_destroy(&unlinker->changed);
	pthread_mutex_destroy(&unlinker->mutex);
	close_fd(unlinker->done_fd);
	free(unlinker);
}

/* ---- the thread ---- */

static void close_link(struct unlinker *unlinker, struct unlink_job *job)
{
	job->fd = close_fd(job->fd);
	unlinker->closed(unlinker->userdata);
}

static void *work(void *userdata)
{
	struct unlinker *unlinker = userdata;
	struct unlink_job *job;

	pthread_mutex_lock(&unlinker->mutex);
	while (true) {
		job = TAILQ_FIRST(&unlinker->jobs);
		if (!job && unlinker->ending)
			break;
		if (!job) {
			pthread_cond_wait(&unlinker->changed, &unlinker->mutex);
			continue;
		}
		TAILQ_REMOVE(&unlinker->jobs, job, entry);
		pthread_mutex_unlock(&unlinker->mutex);
		close_link(unlinker, job);
		pthread_mutex_lock(&unlinker->mutex);
		job->pending = false;
		unlinker->n_pending--;
		pthread_cond_broadcast(&unlinker->changed);
		eventfd_write(unlinker->done_fd, 1);
	}
	pthread_mutex_unlock(&unlinker->mutex);
	return NULL;
}

/* Signals are for the loop. */
static bool start(struct unlinker *unlinker)
{
	sigset_t all, before;

	if (unlinker->running)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	unlinker->running = pthread_create(&unlinker->thread, NULL, work, unlinker) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return unlinker->running;
}

/* ---- its owner ---- */

int unlinker_fd(const struct unlinker *unlinker)
{
	return unlinker->done_fd;
}

void unlinker_hear(struct unlinker *unlinker)
{
	eventfd_t n;

	eventfd_read(unlinker->done_fd, &n);
}

void unlinker_close(struct unlinker *unlinker, struct unlink_job *job, int fd)
{
	*job = (struct unlink_job){.fd = fd};
	if (!start(unlinker)) {
		close_link(unlinker, job);
		return;
	}
	pthread_mutex_lock(&unlinker->mutex);
	job->pending = true;
	unlinker->n_pending++;
	TAILQ_INSERT_TAIL(&unlinker->jobs, job, entry);
	pthread_cond_broadcast(&unlinker->changed);
	pthread_mutex_unlock(&unlinker->mutex);
}

bool unlinker_is_pending(struct unlinker *unlinker, const struct unlink_job *job)
{
	bool pending;

	pthread_mutex_lock(&unlinker->mutex);
	pending = job->pending;
	pthread_mutex_unlock(&unlinker->mutex);
	return pending;
}

void unlinker_wait(struct unlinker *unlinker, struct unlink_job *job)
{
	struct unlink_job *other;

	pthread_mutex_lock(&unlinker->mutex);
	TAILQ_FOREACH(other, &unlinker->jobs, entry)
		if (other == job) {
			TAILQ_REMOVE(&unlinker->jobs, job, entry);
			TAILQ_INSERT_HEAD(&unlinker->jobs, job, entry);
			break;
		}
	while (job->pending)
		pthread_cond_wait(&unlinker->changed, &unlinker->mutex);
	pthread_mutex_unlock(&unlinker->mutex);
}

void unlinker_wait_all(struct unlinker *unlinker)
{
	pthread_mutex_lock(&unlinker->mutex);
	while (unlinker->n_pending > 0)
		pthread_cond_wait(&unlinker->changed, &unlinker->mutex);
	pthread_mutex_unlock(&unlinker->mutex);
}
