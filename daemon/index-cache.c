/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are made under another name and renamed, so that what has the name of an index is whole.
 * The rule that must not break: a file that somebody else put here is never removed, only replaced
 * by a better one.
 */
#include "daemon/index-cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/symbol/index-format.h"
#include "daemon/symbol/mapped-file.h"
#include "daemon/wire/event-clear.h"

#define UNFINISHED ".unfinished-"

struct index_cache {
	char directory[PATH_MAX / 2];
	char suffix[24]; /* of files of this version of the format */
	char unfinished[PATH_MAX]; /* "": none */
	char problem[256];
	int inotify;
	struct event *readable;
	index_cache_fn arrived;
	void *userdata;
};

/* What a daemon that was killed left behind. */
static void sweep_unfinished(const struct index_cache *cache)
{
	DIR *directory = opendir(cache->directory);
	struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (!strncmp(entry->d_name, UNFINISHED, strlen(UNFINISHED)))
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
}

static void take_name(struct index_cache *cache, const char *name)
{
	size_t length = strlen(name), suffix = strlen(cache->suffix);
	char build_id[BUILD_ID_TEXT];

	if (length <= suffix || length - suffix >= sizeof(build_id) ||
	    strcmp(name + length - suffix, cache->suffix))
		return;
	memcpy(build_id, name, length - suffix);
	build_id[length - suffix] = '\0';
	cache->arrived(build_id, cache->userdata);
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t size = read(fd, buffer, sizeof(buffer));

	for (ssize_t i = 0; i < size;) {
		const struct inotify_event *event = (const void *)(buffer + i);

		if (event->len)
			take_name(userdata, event->name);
		i += (ssize_t)(sizeof(*event) + event->len);
	}
}

/* Without it, new files are found when they are next needed. */
static void watch(struct index_cache *cache, struct event_base *base)
{
	cache->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (cache->inotify < 0 ||
	    inotify_add_watch(cache->inotify, cache->directory, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
		return;
	cache->readable = event_new(base, cache->inotify, EV_READ | EV_PERSIST, on_readable, cache);
	if (cache->readable)
		event_add(cache->readable, NULL);
}

int index_cache_new(struct event_base *base, const char *directory, index_cache_fn arrived,
		void *userdata, struct index_cache **ret)
{
	struct index_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->inotify = -1;
	cache->arrived = arrived;
	cache->userdata = userdata;
	snprintf(cache->suffix, sizeof(cache->suffix), ".v%u.lines", INDEX_VERSION);
	if (snprintf(cache->directory, sizeof(cache->directory), "%s", directory) >=
	    (int)sizeof(cache->directory))
		cache->directory[0] = '\0';
	mkdir(cache->directory, 0755);
	if (access(cache->directory, W_OK) < 0)
		snprintf(cache->problem, sizeof(cache->problem), "%.200s: %s", directory,
			 strerror(errno));
	else
		sweep_unfinished(cache);
	watch(cache, base);
	*ret = cache;
	return 0;
}

void index_cache_free(struct index_cache *cache)
{
	if (!cache)
		return;
	index_cache_discard(cache);
	event_clear(&cache->readable);
	close_fd(cache->inotify);
	free(cache);
}

const char *index_cache_problem(const struct index_cache *cache)
{
	return cache->problem[0] ? cache->problem : NULL;
}

const char *index_cache_directory(const struct index_cache *cache)
{
	return cache->directory;
}

void index_cache_path(const struct index_cache *cache, const struct build_id *id, char *text)
{
	char hex[BUILD_ID_TEXT];

	build_id_format(id, hex);
	snprintf(text, PATH_MAX, "%s/%s%s", cache->directory, hex, cache->suffix);
}

bool index_cache_look(const struct index_cache *cache, const struct build_id *id,
		struct index_file *ret)
{
	char path[PATH_MAX];
	struct stat st;

	index_cache_path(cache, id, path);
	if (stat(path, &st) < 0)
		return false;
	*ret = (struct index_file){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.changed = (int64_t)(st.st_mtim.tv_sec * NS_PER_SECOND) + st.st_mtim.tv_nsec,
	};
	return true;
}

struct opening {
	const char *path;
	const struct build_id *id;
	struct index *index;
	const char *reason;
	int result;
};

static void open_index(void *userdata)
{
	struct opening *opening = userdata;

	opening->result = index_open(opening->path, opening->id->bytes, opening->id->length,
				     &opening->index, &opening->reason);
}

int index_cache_open(const struct index_cache *cache, const struct build_id *id,
		struct index **ret, struct index_file *ret_file, const char **reterr_reason)
{
	char path[PATH_MAX];
	struct opening opening = { .path = path, .id = id };

	*reterr_reason = NULL;
	if (!index_cache_look(cache, id, ret_file))
		return -ENOENT;
	index_cache_path(cache, id, path);
	if (!mapped_file_read(open_index, &opening)) {
		*reterr_reason = "It was cut off while it was read.";
		return INDEX_E_CORRUPT; /* the mapping is lost, which costs addresses only */
	}
	*reterr_reason = opening.reason;
	*ret = opening.index;
	return opening.result;
}

int index_cache_create(struct index_cache *cache, int *ret_fd)
{
	int fd;

	index_cache_discard(cache);
	snprintf(cache->unfinished, sizeof(cache->unfinished), "%s/" UNFINISHED "XXXXXX",
		 cache->directory);
	fd = mkostemp(cache->unfinished, O_CLOEXEC);
	if (fd < 0) {
		cache->unfinished[0] = '\0';
		return -errno;
	}
	fchmod(fd, 0644);
	*ret_fd = fd;
	return 0;
}

int index_cache_keep(struct index_cache *cache, const struct build_id *id)
{
	struct index *index;
	char path[PATH_MAX];
	int r;

	r = index_open(cache->unfinished, id->bytes, id->length, &index, NULL);
	if (r != 0)
		return r;
	index_close(index);
	index_cache_path(cache, id, path);
	if (rename(cache->unfinished, path) < 0)
		return -errno;
	cache->unfinished[0] = '\0';
	return 0;
}

void index_cache_discard(struct index_cache *cache)
{
	if (cache->unfinished[0])
		unlink(cache->unfinished);
	cache->unfinished[0] = '\0';
}
