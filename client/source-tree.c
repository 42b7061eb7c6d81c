/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each file is read once, when its first line is asked for; so is the news that there is none. The
 * rule that must not break: names come from debug information, which anybody may have written, so
 * the kernel is told to open regular files below the directory only.
 */
#include "client/source-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/context.h"
#include "common/macro.h"

#define MAX_NAME 1024 /* bytes */
#define MAX_FILE (8u << 20) /* bytes; the largest file of code in a kernel has one million */
#define MAX_HELD (64u << 20) /* bytes of files */
#define MAX_FILES 4096 /* with those that are not there */
#define N_BUCKETS 1024u /* a power of two */

struct source_file {
	struct source_file *next; /* in its bucket */
	char *text; /* NULL: there is none */
	size_t size;
	uint32_t *lines; /* where each begins */
	size_t n_lines;
	size_t name_length;
	char name[];
};

struct source_tree {
	int directory;
	size_t n_files, bytes;
	struct source_file *buckets[N_BUCKETS];
};

int source_tree_new(const char *directory, struct source_tree **ret)
{
	struct source_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -ENOMEM;
	tree->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree->directory < 0) {
		int r = -errno;

		free(tree);
		return r;
	}
	*ret = tree;
	return 0;
}

int source_tree_open(const char *directory, struct source_tree **ret)
{
	int r = directory ? source_tree_new(directory, ret) : 0;

	if (r == 0)
		return STATUS_OK;
	complain("--source-tree %s: %s", directory, strerror(-r));
	return r == -ENOMEM ? STATUS_FAILED : STATUS_USAGE;
}

static void forget_all(struct source_tree *tree)
{
	for (size_t i = 0; i < N_BUCKETS; i++) {
		while (tree->buckets[i]) {
			struct source_file *file = tree->buckets[i];

			tree->buckets[i] = file->next;
			free(file->text);
			free(file->lines);
			free(file);
		}
	}
	tree->n_files = tree->bytes = 0;
}

void source_tree_free(struct source_tree *tree)
{
	if (!tree)
		return;
	forget_all(tree);
	close(tree->directory);
	free(tree);
}

void source_tree_tidy(struct source_tree *tree)
{
	if (tree->bytes > MAX_HELD || tree->n_files > MAX_FILES)
		forget_all(tree);
}

/* ---- finding a file ---- */

/* "/build/linux/./debian/../kernel/sys.c" to "build/linux/kernel/sys.c". False: too long. */
static bool normalize(const struct json_slice *name, char *buffer)
{
	const char *p = name->data, *end = p + name->length;
	size_t length = 0;

	if (name->length >= MAX_NAME || memchr(p, '\0', name->length))
		return false;
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p)) ?: end;
		size_t n = (size_t)(slash - p);

		if (n == 2 && !memcmp(p, "..", 2)) {
			while (length && buffer[--length] != '/')
				continue;
		} else if (n && !(n == 1 && *p == '.')) {
			if (length)
				buffer[length++] = '/';
			memcpy(buffer + length, p, n);
			length += n;
		}
		p = slash + (slash < end);
	}
	buffer[length] = '\0';
	return length > 0;
}

/* A pipe must not make us wait, nor a terminal become ours. */
static int open_below(const struct source_tree *tree, const char *name)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, tree->directory, name, &how, sizeof(how));
}

static bool read_all(int fd, struct source_file *file, size_t size)
{
	file->text = malloc(size + 1);
	if (!file->text)
		return false;
	while (file->size < size) {
		ssize_t n = read(fd, file->text + file->size, size - file->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		file->size += (size_t)n;
	}
	return true;
}

static bool find_lines(struct source_file *file)
{
	const char *p = file->text, *end = p + file->size;
	size_t room = 1;

	while ((p = memchr(p, '\n', (size_t)(end - p))) && p++)
		room++;
	file->lines = calloc(room, sizeof(*file->lines));
	if (!file->lines)
		return false;
	for (p = file->text; p && p < end;) {
		file->lines[file->n_lines++] = (uint32_t)(p - file->text);
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return true;
}

static bool load(const struct source_tree *tree, struct source_file *file, const char *name)
{
	_cleanup_close_ int fd = open_below(tree, name);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size > MAX_FILE)
		return false;
	if (read_all(fd, file, (size_t)status.st_size) && find_lines(file))
		return true;
	free(file->text);
	file->text = NULL;
	return false;
}

static void load_longest(const struct source_tree *tree, struct source_file *file)
{
	const struct json_slice name = { file->name, file->name_length };
	char path[MAX_NAME];

	if (!normalize(&name, path))
		return;
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (load(tree, file, p))
			return;
	}
}

static struct source_file *get_file(struct source_tree *tree, const struct json_slice *name)
{
	uint64_t hash = 0xcbf29ce484222325u;
	struct source_file *file, **bucket;

	for (size_t i = 0; i < name->length; i++)
		hash = (hash ^ (unsigned char)name->data[i]) * 0x100000001b3u;
	bucket = &tree->buckets[hash % N_BUCKETS];
	for (file = *bucket; file; file = file->next)
		if (json_slice_equal(name, file->name, file->name_length))
			return file;
	file = calloc(1, sizeof(*file) + name->length);
	if (!file)
		return NULL;
	memcpy(file->name, name->data, name->length);
	file->name_length = name->length;
	load_longest(tree, file);
	file->next = *bucket;
	*bucket = file;
	tree->n_files++;
	tree->bytes += file->size + file->n_lines * sizeof(*file->lines);
	return file;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

bool source_tree_find(struct source_tree *tree, const struct json_slice *name, uint64_t line,
		      struct json_slice *ret)
{
	const struct source_file *file = name->length ? get_file(tree, name) : NULL;
	const char *begin, *end;

	if (!file || !line || line > file->n_lines)
		return false;
	begin = file->text + file->lines[line - 1];
	end = file->text + (line < file->n_lines ? file->lines[line] : file->size);
	while (begin < end && is_blank(*begin))
		begin++;
	while (begin < end && is_blank(end[-1]))
		end--;
	*ret = (struct json_slice){ begin, (size_t)(end - begin) };
	return begin < end;
}
