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
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/api/limits.h"
#include "daemon/index-cache.h"
#include "daemon/index-child.h"
#include "daemon/log.h"

struct job {
	TAILQ_ENTRY(job) queued;
	bool waits; /* is in the queue */
	bool damaged; /* the file in the cache must not be used again */
	struct build_id build_id;
	struct index_file file; /* the one in use */
	struct index_status status;
};

/* Lines of text from a pipe, as they come. */
struct lines_in {
	struct event *readable;
	char text[512];
	size_t length;
};

struct index_jobs {
	struct index_jobs_config config;
	struct index_cache *cache;
	char *builder;
	struct index_list list;
	struct index_status const **items; /* each one the status of a job */
	TAILQ_HEAD(, job) queue;
	struct event *turn; /* takes the next one from the queue */

	struct job *running; /* NULL: none; of it: */
	struct build_id building; /* of the job when the builder was started */
	struct index_child child;
	struct event *exited;
	struct event *too_long;
	struct lines_in progress, complaints;
	char *files[16]; /* what it was given: "FILE PATH" */
	size_t n_files;
	char complaint[200]; /* its first */
	bool killed; /* by the limit of time */
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

static void event_free_if_set(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

static void drop_child(struct index_jobs *jobs)
{
	event_free_if_set(&jobs->exited);
	event_free_if_set(&jobs->progress.readable);
	event_free_if_set(&jobs->complaints.readable);
	event_del(jobs->too_long);
	close(jobs->child.exited);
	close(jobs->child.progress);
	close(jobs->child.complaints);
	while (jobs->n_files > 0)
		free(jobs->files[--jobs->n_files]);
	jobs->running = NULL;
}

/* Gives each whole line to `take`; of one that is too long only the end comes. */
static void read_lines(struct index_jobs *jobs, int fd, struct lines_in *in,
		void (*take)(struct index_jobs *jobs, const char *line))
{
	ssize_t n;

	while ((n = read(fd, in->text + in->length, sizeof(in->text) - 1 - in->length)) > 0) {
		char *start = in->text, *end;

		in->length += (size_t)n;
		in->text[in->length] = '\0';
		for (; (end = strchr(start, '\n')); start = end + 1) {
			*end = '\0';
			take(jobs, start);
		}
		in->length = strlen(start);
		memmove(in->text, start, in->length);
		if (in->length == sizeof(in->text) - 1)
			in->length = 0;
	}
	if (n == 0 && in->readable)
		event_del(in->readable);
}

/* "file FILE PATH": kept as it is, to be found by FILE. */
static void remember_file(struct index_jobs *jobs, const char *line)
{
	if (jobs->n_files < ARRAY_SIZE(jobs->files))
		jobs->files[jobs->n_files++] = strdup(line);
}

static const char *path_of(const struct index_jobs *jobs, const char *file)
{
	size_t length = strlen(file);

	for (size_t i = 0; i < jobs->n_files; i++)
		if (jobs->files[i] && !strncmp(jobs->files[i], file, length) &&
		    jobs->files[i][length] == ' ')
			return jobs->files[i] + length + 1;
	return file;
}

static void take_progress(struct index_jobs *jobs, const char *line)
{
	struct job *job = jobs->running;
	unsigned int percent;

	if (!strncmp(line, "file ", 5)) {
		remember_file(jobs, line + 5);
	} else if (!strncmp(line, "from ", 5)) {
		set_message(job, "From %s.", path_of(jobs, line + 5));
		set_state(jobs, job, INDEX_BUILDING);
	} else if (sscanf(line, "%u", &percent) == 1) {
		job->status.percent = MIN(percent, 100u);
	}
}

static void take_complaint(struct index_jobs *jobs, const char *line)
{
	if (!jobs->complaint[0])
		snprintf(jobs->complaint, sizeof(jobs->complaint), "%s", line);
}

static void on_progress(evutil_socket_t fd, short what, void *userdata)
{
	struct index_jobs *jobs = userdata;

	read_lines(jobs, fd, &jobs->progress, take_progress);
}

static void on_complaint(evutil_socket_t fd, short what, void *userdata)
{
	struct index_jobs *jobs = userdata;

	read_lines(jobs, fd, &jobs->complaints, take_complaint);
}

static void on_too_long(evutil_socket_t fd, short what, void *userdata)
{
	struct index_jobs *jobs = userdata;

	jobs->killed = true;
	index_child_kill(&jobs->child);
}

static void fail(struct index_jobs *jobs, struct job *job, const char *why)
{
	set_message(job, "%s", why);
	log_index_failed(job->status.name, why);
	set_state(jobs, job, INDEX_FAILED);
}

static void explain_absence(struct index_jobs *jobs, struct job *job)
{
	char path[PATH_MAX];

	index_cache_path(jobs->cache, &job->build_id, path);
	set_message(job, "Its debug information is not on this machine. Install it, or copy an index, "
		    "made by lbrd-index where it is, to %s", path);
	set_state(jobs, job, INDEX_ABSENT);
}

static void finish(struct index_jobs *jobs, struct job *job, int status)
{
	char why[240];
	int r;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		r = index_cache_keep(jobs->cache, &job->build_id);
		if (r < 0)
			fail(jobs, job, strerror(-r));
		else if (!take_cached(jobs, job))
			fail(jobs, job, "What lbrd-index wrote is no good index.");
		return;
	}
	index_cache_discard(jobs->cache);
	if (WIFEXITED(status) && WEXITSTATUS(status) == INDEX_CHILD_NOTHING) {
		explain_absence(jobs, job);
		return;
	}
	if (jobs->killed)
		snprintf(why, sizeof(why), "lbrd-index did not end in time and was killed.");
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "lbrd-index was ended by signal %d (%s).",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(why, sizeof(why), "%s", jobs->complaint[0] ? jobs->complaint :
			 "lbrd-index failed without a word.");
	fail(jobs, job, why);
}

static void on_exited(evutil_socket_t fd, short what, void *userdata)
{
	struct index_jobs *jobs = userdata;
	struct job *job = jobs->running;
	int status;

	if (waitpid(jobs->child.pid, &status, WNOHANG) != jobs->child.pid)
		return;
	read_lines(jobs, jobs->child.progress, &jobs->progress, take_progress);
	read_lines(jobs, jobs->child.complaints, &jobs->complaints, take_complaint);
	drop_child(jobs);
	if (build_id_equal(&jobs->building, &job->build_id)) {
		finish(jobs, job, status);
	} else {
		index_cache_discard(jobs->cache);
		enqueue(jobs, job);
	}
	event_active(jobs->turn, 0, 0);
}

static struct event *listen_to(struct index_jobs *jobs, int fd, event_callback_fn fn)
{
	struct event *event = event_new(jobs->config.base, fd, EV_READ | EV_PERSIST, fn, jobs);

	if (event && event_add(event, NULL) < 0)
		event_free_if_set(&event);
	return event;
}

static int watch_child(struct index_jobs *jobs)
{
	const struct timeval patience = {.tv_sec = limit_value(LIMIT_INDEX_TIME)};

	jobs->progress.length = jobs->complaints.length = 0;
	jobs->complaint[0] = '\0';
	jobs->killed = false;
	jobs->progress.readable = listen_to(jobs, jobs->child.progress, on_progress);
	jobs->complaints.readable = listen_to(jobs, jobs->child.complaints, on_complaint);
	jobs->exited = listen_to(jobs, jobs->child.exited, on_exited);
	event_add(jobs->too_long, &patience);
	return jobs->exited && jobs->progress.readable && jobs->complaints.readable ? 0 : -ENOMEM;
}

static int start_builder(struct index_jobs *jobs, struct job *job)
{
	_cleanup_close_ int output = -1;
	struct index_child_config config = {
		.builder = jobs->builder,
		.object = job->status.name,
		.build_id = job->status.build_id,
		.directory = index_cache_directory(jobs->cache),
		.max_memory = limit_value(LIMIT_INDEX_MEMORY),
		.max_seconds = limit_value(LIMIT_INDEX_CPU),
		.max_output = limit_value(LIMIT_INDEX_BYTES),
	};
	int r = index_cache_create(jobs->cache, &output);

	if (r < 0)
		return r;
	config.output = output;
	r = index_child_start(&config, &jobs->child);
	if (r < 0)
		return r;
	jobs->running = job;
	jobs->building = job->build_id;
	r = watch_child(jobs);
	if (r < 0) {
		index_child_kill(&jobs->child);
		waitpid(jobs->child.pid, NULL, 0);
		drop_child(jobs);
	}
	return r;
}

/* ---- the queue ---- */

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
	struct index_jobs *jobs = userdata;
	struct job *job = TAILQ_FIRST(&jobs->queue);
	char why[320];
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
		snprintf(why, sizeof(why), "An index cannot be kept: %s.",
			 index_cache_problem(jobs->cache));
		fail(jobs, job, why);
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
			index_child_kill(&jobs->child);
		job->build_id = *object->build_id;
		build_id_format(object->build_id, job->status.build_id);
		job->status.message[0] = '\0';
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
	jobs->too_long = event_new(config->base, -1, 0, on_too_long, jobs);
	jobs->builder = strdup(config->builder);
	if (!jobs->builder || !jobs->turn || !jobs->too_long ||
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
	if (jobs->running) {
		index_child_kill(&jobs->child);
		waitpid(jobs->child.pid, NULL, 0);
		drop_child(jobs);
	}
	index_cache_free(jobs->cache);
	event_free_if_set(&jobs->turn);
	event_free_if_set(&jobs->too_long);
	for (size_t i = 0; i < jobs->list.n; i++)
		free(job_of(jobs->items[i]));
	free(jobs->items);
	free(jobs->builder);
	free(jobs);
}
