/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One index at a time: looked for in the cache, else built by a process of its own. The rule that
 * must not break: nothing here waits. The loop goes on while a builder runs, and whatever becomes
 * of the builder, only lines are missing.
 */
#include "daemon/index-job.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/macro.h"
#include "daemon/index-build.h"
#include "daemon/index-cache.h"
#include "daemon/log.h"
#include "daemon/wire/event-clear.h"

/* Nanoseconds. Most indices are made before; on a busy machine that of a kernel takes minutes. */
#define PROGRESS_INTERVAL (5 * NS_PER_SECOND)

#define SEARCHING "It is being looked for."

struct job {
	TAILQ_ENTRY(job) queued;
	bool waits; /* is in the queue */
	bool damaged; /* the file in the cache must not be used again */
	bool download; /* on this machine there is nothing to build it from */
	struct build_id build_id;
	struct index_file file; /* the one in use */
	struct index_status status;
};

struct index_jobs {
	struct index_jobs_config config;
	struct index_cache *cache;
	char *builder;
	struct index_list list;
	struct index_status const **items; /* each one the status of a job */
	TAILQ_HEAD(, job) queue;
	struct event *turn; /* takes the next one from the queue */

	bool problem_logged; /* of the cache */
	struct index_build *build;
	struct job *running; /* what is being built; NULL: nothing */
	uint64_t told_at; /* CLOCK_MONOTONIC: when observers last heard of it */
	struct build_id building; /* of it, when that began */
};

static struct job *job_of(const struct index_status *status)
{
	return container_of((struct index_status *)status, struct job, status);
}

static void set_state(struct index_jobs *jobs, struct job *job, enum index_state state)
{
	/* Nobody waits for what was in the cache, or is nowhere. */
	bool news = state == INDEX_BUILDING || job->status.state == INDEX_BUILDING ||
		    state == INDEX_FAILED;

	job->status.state = state;
	job->status.percent = 0;
	jobs->told_at = clock_ns(CLOCK_MONOTONIC);
	if (news)
		jobs->config.changed(&job->status, jobs->config.userdata);
}

static void enqueue(struct index_jobs *jobs, struct job *job)
{
	if (job->waits || jobs->running == job)
		return;
	job->waits = true;
	TAILQ_INSERT_TAIL(&jobs->queue, job, queued);
	event_active(jobs->turn, 0, 0);
}

__attribute__((format(printf, 2, 3)))
static void set_message(struct job *job, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(job->status.message, sizeof(job->status.message), format, arguments);
	va_end(arguments);
}

/* ---- the cache ---- */

/* True: lines come from the cached index. */
static bool take_cached(struct index_jobs *jobs, struct job *job)
{
	const char *reason;
	struct index *index;
	char path[PATH_MAX];
	int r;

	r = index_cache_open(jobs->cache, &job->build_id, &index, &job->file, &reason);
	if (r == 0) {
		job->status.size = index_size(index);
		if (symbols_take_index(jobs->config.symbols, index)) {
			job->damaged = false;
			if (!strcmp(job->status.message, SEARCHING))
				job->status.message[0] = '\0'; /* else where it was built from */
			set_state(jobs, job, INDEX_READY);
			return true;
		}
		set_message(job, "It is loaded no more, or it has no _stext.");
		set_state(jobs, job, INDEX_ABSENT);
		return true;
	}
	if (r != -ENOENT) {
		index_cache_path(jobs->cache, &job->build_id, path);
		log_index_refused(path, r < 0 ? strerror(-r) : reason);
	}
	return false;
}

/* ---- the builder ---- */

static void fail(struct index_jobs *jobs, struct job *job, const char *why)
{
	set_message(job, "%s", why);
	log_index_failed(job->status.name, why);
	set_state(jobs, job, INDEX_FAILED);
}

/* Said once in the journal: it concerns all of them. */
static void explain_no_cache(struct index_jobs *jobs, struct job *job)
{
	const char *problem = index_cache_problem(jobs->cache);

	if (!jobs->problem_logged)
		log_degraded("indices of source lines cannot be kept", problem);
	jobs->problem_logged = true;
	set_message(job, "An index could not be kept: %s.", problem);
	set_state(jobs, job, INDEX_ABSENT);
}

static void explain_absence(struct index_jobs *jobs, struct job *job)
{
	char path[PATH_MAX];

	index_cache_path(jobs->cache, &job->build_id, path);
	set_message(job, "Its debug information is not on this machine%s. Install it, or copy an "
		    "index, made by lbrd-index where it is, to %s",
		    job->download ? ", nor could debuginfod-find get it" : "", path);
	job->download = false; /* next time there may be something */
	set_state(jobs, job, INDEX_ABSENT);
}

/* What is here may be the object without its debug information, as modules mostly are. */
static void download(struct index_jobs *jobs, struct job *job)
{
	job->download = true;
	enqueue(jobs, job);
}

static void take_built(struct index_jobs *jobs, struct job *job)
{
	int r = index_cache_keep(jobs->cache, &job->build_id);

	if (r < 0)
		fail(jobs, job, strerror(-r));
	else if (r > 0 || !take_cached(jobs, job))
		fail(jobs, job, "What lbrd-index wrote is no good index.");
}

static void on_begun(const char *path, void *userdata)
{
	struct index_jobs *jobs = userdata;

	set_message(jobs->running, "From %s.", path);
	set_state(jobs, jobs->running, INDEX_BUILDING);
}

static void on_progress(unsigned int percent, void *userdata)
{
	struct index_jobs *jobs = userdata;

	jobs->running->status.percent = percent;
	if (clock_ns(CLOCK_MONOTONIC) < jobs->told_at + PROGRESS_INTERVAL)
		return;
	jobs->told_at = clock_ns(CLOCK_MONOTONIC);
	jobs->config.changed(&jobs->running->status, jobs->config.userdata);
}

static void on_ended(enum index_build_end end, const char *why, void *userdata)
{
	struct index_jobs *jobs = userdata;
	struct job *job = jobs->running;

	jobs->running = NULL;
	/* In vain when the module came back meanwhile as another one. */
	if (!build_id_equal(&jobs->building, &job->build_id))
		enqueue(jobs, job);
	else if (end == INDEX_BUILD_DONE)
		take_built(jobs, job);
	else if (end == INDEX_BUILD_NOTHING && !job->download && index_child_may_download())
		download(jobs, job);
	else if (end == INDEX_BUILD_NOTHING)
		explain_absence(jobs, job);
	else
		fail(jobs, job, why);
	index_cache_discard(jobs->cache);
	event_active(jobs->turn, 0, 0);
}

static const struct index_build_events build_events = {
	.begun = on_begun,
	.progress = on_progress,
	.ended = on_ended,
};

static int start_builder(struct index_jobs *jobs, struct job *job)
{
	const struct index_limits *limits = &jobs->config.limits;
	_cleanup_close_ int output = -1;
	struct index_child_config config = {
		.builder = jobs->builder,
		.object = job->status.name,
		.build_id = job->status.build_id,
		.root = jobs->config.root,
		.download = job->download,
		.directory = index_cache_directory(jobs->cache),
		.max_memory = limits->memory,
		.max_seconds = limits->cpu,
		.max_output = limits->size,
	};
	int r = index_cache_create(jobs->cache, &output);

	if (r < 0)
		return r;
	config.output = output;
	r = index_build_start(jobs->build, &config, limits->time);
	if (r < 0)
		return r;
	jobs->running = job;
	jobs->building = job->build_id;
	return 0;
}

/* ---- the queue ---- */

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
	struct index_jobs *jobs = userdata;
	struct job *job = TAILQ_FIRST(&jobs->queue);
	int r;

	if (jobs->running || !job)
		return;
	TAILQ_REMOVE(&jobs->queue, job, queued);
	job->waits = false;
	/* The next one's turn, unless this one keeps a builder busy. */
	event_active(jobs->turn, 0, 0);
	if (!job->damaged && take_cached(jobs, job))
		return;
	if (index_cache_problem(jobs->cache)) {
		explain_no_cache(jobs, job);
		return;
	}
	r = start_builder(jobs, job);
	if (r < 0) {
		index_cache_discard(jobs->cache);
		fail(jobs, job, strerror(-r));
	}
}

static struct job *find_job(const struct index_jobs *jobs, const char *name)
{
	for (size_t i = 0; i < jobs->list.n; i++)
		if (!strcmp(jobs->items[i]->name, name))
			return job_of(jobs->items[i]);
	return NULL;
}

static struct job *add_job(struct index_jobs *jobs, const char *name)
{
	const struct index_status **grown;
	struct job *job;

	grown = reallocarray(jobs->items, jobs->list.n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	jobs->items = grown;
	jobs->list.items = grown;
	job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	snprintf(job->status.name, sizeof(job->status.name), "%s", name);
	grown[jobs->list.n++] = &job->status;
	return job;
}

void index_jobs_want(const struct symbol_object *object, void *userdata)
{
	struct index_jobs *jobs = userdata;
	struct job *job = find_job(jobs, object->name);

	if (!job)
		job = add_job(jobs, object->name);
	if (!job)
		return;
	/* A module of that name came back as another one: what runs for the old one is in vain. */
	if (!build_id_equal(&job->build_id, object->build_id)) {
		if (jobs->running == job)
			index_build_cancel(jobs->build);
		job->build_id = *object->build_id;
		job->download = false;
		build_id_format(object->build_id, job->status.build_id);
		set_message(job, SEARCHING);
		job->status.size = 0;
		job->status.state = INDEX_ABSENT;
	}
	if (object->damaged) {
		job->damaged = true;
		log_index_refused(job->status.name, "Its content is not what was written.");
	}
	enqueue(jobs, job);
}

/* A file came into the cache: by our own hand, or by that of somebody who copied one. */
static void on_arrived(const char *build_id, void *userdata)
{
	struct index_jobs *jobs = userdata;

	for (size_t i = 0; i < jobs->list.n; i++) {
		struct job *job = job_of(jobs->items[i]);
		struct index_file file;

		if (strcmp(job->status.build_id, build_id) ||
		    !index_cache_look(jobs->cache, &job->build_id, &file) ||
		    !memcmp(&file, &job->file, sizeof(file)))
			continue;
		job->damaged = false;
		enqueue(jobs, job);
	}
}

const struct index_list *index_jobs_list(const struct index_jobs *jobs)
{
	return &jobs->list;
}

int index_jobs_new(const struct index_jobs_config *config, struct index_jobs **ret)
{
	struct index_jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return -ENOMEM;
	jobs->config = *config;
	TAILQ_INIT(&jobs->queue);
	jobs->turn = event_new(config->base, -1, 0, on_turn, jobs);
	jobs->builder = config->builder ? strdup(config->builder) : index_child_find_builder();
	if (!jobs->builder || !jobs->turn ||
	    index_build_new(config->base, &build_events, jobs, &jobs->build) < 0 ||
	    index_cache_new(config->base, config->directory, on_arrived, jobs, &jobs->cache) < 0) {
		index_jobs_free(jobs);
		return -ENOMEM;
	}
	*ret = jobs;
	return 0;
}

void index_jobs_free(struct index_jobs *jobs)
{
	if (!jobs)
		return;
	index_build_free(jobs->build);
	index_cache_free(jobs->cache);
	event_clear(&jobs->turn);
	for (size_t i = 0; i < jobs->list.n; i++)
		free(job_of(jobs->items[i]));
	free(jobs->items);
	free(jobs->builder);
	free(jobs);
}
