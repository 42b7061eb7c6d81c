// SPDX-License-Identifier: Apache-2.0
/* See owner.h. Descriptors of links say prog_id in their fdinfo just as those of programs do. */
#include "daemon/trace/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static void closedir_p(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* "anon_inode:bpf-prog", "anon_inode:bpf-link" or "anon_inode:bpf_link" since 6.x. */
static bool is_bpf(int fd_dir, const char *name)
{
	static const char prefix[] = "anon_inode:bpf";
	char link[32];
	ssize_t n = readlinkat(fd_dir, name, link, sizeof(link));

	return n >= (ssize_t)sizeof(prefix) - 1 && !memcmp(link, prefix, sizeof(prefix) - 1);
}

/* 0: the descriptor has no program, or is closed by now. */
static uint32_t program_of(pid_t pid, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[128];
	uint32_t id = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", (int)pid, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!id && fgets(line, sizeof(line), file))
		sscanf(line, "prog_id: %" SCNu32, &id);
	return id;
}

static int add_once(uint32_t **ids, size_t *n, uint32_t id)
{
	uint32_t *grown;

	for (size_t i = 0; i < *n; i++)
		if ((*ids)[i] == id)
			return 0;
	grown = reallocarray(*ids, *n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*ids = grown;
	grown[(*n)++] = id;
	return 0;
}

int owner_programs(pid_t pid, uint32_t **ret, size_t *ret_n)
{
	_cleanup_(closedir_p) DIR *dir = NULL;
	_cleanup_free_ uint32_t *ids = NULL;
	struct dirent *entry;
	char path[32];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		uint32_t id = is_bpf(dirfd(dir), entry->d_name) ? program_of(pid, entry->d_name) :
								  0;
		int r = id ? add_once(&ids, &n, id) : 0;

		if (r)
			return r;
	}
	*ret = TAKE_PTR(ids);
	*ret_n = n;
	return 0;
}
