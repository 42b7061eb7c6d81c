/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process says and how it ends arrives by three descriptors. The rule that must not break:
 * nothing here waits for it, but for the moment in which one that was killed goes away.
 */
#include "daemon/index-build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/macro.h"
#include "daemon/wire/event-clear.h"

#define MAX_FILES 16
#define WHY_SIZE 240

/* Lines of text from a pipe, as they come. */
struct line_reader {
	struct event *readable;
	char text[4352]; /* two paths */
	size_t length;
};

struct index_build {
	struct event_base *base;
	const struct index_build_events *events;
	void *userdata;
	struct event *too_long;

	bool running; /* of what runs: */
	struct index_child child;
	struct event *exited;
	struct line_reader progress, complaints;
	char *files[MAX_FILES]; /* what it was given: "FILE PATH" */
	size_t n_files;
	char complaint[WHY_SIZE]; /* its first */
	bool late;
};

static void drop_child(struct index_build *build)
{
	event_clear(&build->exited);
	event_clear(&build->progress.readable);
	event_clear(&build->complaints.readable);
	event_del(build->too_long);
	close(build->child.exited);
	close(build->child.progress);
	close(build->child.complaints);
	while (build->n_files > 0)
		free(build->files[--build->n_files]);
	build->running = false;
}

/* ---- what it says ---- */

/* Gives each whole line to `take`. What is longer than any line should be is left out. */
static void read_lines(struct index_build *build, int fd, struct line_reader *reader,
		void (*take)(struct index_build *build, const char *line))
{
	size_t room = sizeof(reader->text) - 1;
	ssize_t n;

	while ((n = read(fd, reader->text + reader->length, room - reader->length)) > 0) {
		char *start = reader->text, *end;

		reader->length += (size_t)n;
		reader->text[reader->length] = '\0';
		for (; (end = strchr(start, '\n')); start = end + 1) {
			*end = '\0';
			take(build, start);
		}
		reader->length -= (size_t)(start - reader->text);
		memmove(reader->text, start, reader->length);
		if (reader->length == room)
			reader->length = 0;
	}
	if (n == 0)
		event_del(reader->readable);
}

/* "FILE PATH": kept as it is, to be found by FILE. */
static void remember_file(struct index_build *build, const char *line)
{
	if (build->n_files < ARRAY_SIZE(build->files))
		build->files[build->n_files++] = strdup(line);
}

static const char *path_of(const struct index_build *build, const char *file)
{
	size_t length = strlen(file);

	for (size_t i = 0; i < build->n_files; i++)
		if (build->files[i] && !strncmp(build->files[i], file, length) &&
		    build->files[i][length] == ' ')
			return build->files[i] + length + 1;
	return file;
}

static void take_progress(struct index_build *build, const char *line)
{
	unsigned int percent;

	if (!strncmp(line, "file ", 5))
		remember_file(build, line + 5);
	else if (!strncmp(line, "from ", 5))
		build->events->begun(path_of(build, line + 5), build->userdata);
	else if (sscanf(line, "%u", &percent) == 1)
		build->events->progress(MIN(percent, 100u), build->userdata);
}

static void take_complaint(struct index_build *build, const char *line)
{
	if (!build->complaint[0])
		snprintf(build->complaint, sizeof(build->complaint), "%s", line);
}

static void on_progress(evutil_socket_t fd, short what, void *userdata)
{
	struct index_build *build = userdata;

	read_lines(build, fd, &build->progress, take_progress);
}

static void on_complaint(evutil_socket_t fd, short what, void *userdata)
{
	struct index_build *build = userdata;

	read_lines(build, fd, &build->complaints, take_complaint);
}

/* ---- how it ends ---- */

static void on_too_long(evutil_socket_t fd, short what, void *userdata)
{
	struct index_build *build = userdata;

	build->late = true;
	index_child_kill(&build->child);
}

static enum index_build_end judge(const struct index_build *build, int status, char *why)
{
	*why = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return INDEX_BUILD_DONE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == INDEX_CHILD_NOTHING)
		return INDEX_BUILD_NOTHING;
	if (build->late)
		snprintf(why, WHY_SIZE, "lbrd-index did not end in time and was killed.");
	else if (WIFSIGNALED(status))
		snprintf(why, WHY_SIZE, "lbrd-index was ended by signal %d (%s).",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(why, WHY_SIZE, "%s", build->complaint[0] ? build->complaint :
			 "lbrd-index failed without a word.");
	return INDEX_BUILD_FAILED;
}

static void on_exited(evutil_socket_t fd, short what, void *userdata)
{
	struct index_build *build = userdata;
	enum index_build_end end;
	char why[WHY_SIZE];
	int status;

	if (waitpid(build->child.pid, &status, WNOHANG) != build->child.pid)
		return;
	read_lines(build, build->child.progress, &build->progress, take_progress);
	read_lines(build, build->child.complaints, &build->complaints, take_complaint);
	end = judge(build, status, why);
	drop_child(build);
	build->events->ended(end, why, build->userdata);
}

/* ---- the run ---- */

static void kill_child(struct index_build *build)
{
	index_child_kill(&build->child);
	waitpid(build->child.pid, NULL, 0);
	drop_child(build);
}

static struct event *listen_to(struct index_build *build, int fd, event_callback_fn fn)
{
	struct event *event = event_new(build->base, fd, EV_READ | EV_PERSIST, fn, build);

	if (event && event_add(event, NULL) < 0)
		event_clear(&event);
	return event;
}

int index_build_start(struct index_build *build, const struct index_child_config *config,
		uint64_t max_wait)
{
	const struct timeval patience = {.tv_sec = (time_t)max_wait};
	int r = index_child_start(config, &build->child);

	if (r < 0)
		return r;
	build->running = true;
	build->progress.length = build->complaints.length = 0;
	build->complaint[0] = '\0';
	build->late = false;
	build->progress.readable = listen_to(build, build->child.progress, on_progress);
	build->complaints.readable = listen_to(build, build->child.complaints, on_complaint);
	build->exited = listen_to(build, build->child.exited, on_exited);
	if (!build->progress.readable || !build->complaints.readable || !build->exited ||
	    event_add(build->too_long, &patience) < 0) {
		kill_child(build);
		return -ENOMEM;
	}
	return 0;
}

bool index_build_is_running(const struct index_build *build)
{
	return build->running;
}

void index_build_cancel(struct index_build *build)
{
	if (build->running)
		index_child_kill(&build->child);
}

int index_build_new(struct event_base *base, const struct index_build_events *events,
		void *userdata, struct index_build **ret)
{
	struct index_build *build = calloc(1, sizeof(*build));

	if (!build)
		return -ENOMEM;
	build->base = base;
	build->events = events;
	build->userdata = userdata;
	build->too_long = event_new(base, -1, 0, on_too_long, build);
	if (!build->too_long) {
		free(build);
		return -ENOMEM;
	}
	*ret = build;
	return 0;
}

void index_build_free(struct index_build *build)
{
	if (!build)
		return;
	if (build->running)
		kill_child(build);
	event_free(build->too_long);
	free(build);
}
