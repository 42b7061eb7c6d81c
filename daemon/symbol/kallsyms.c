/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the file through a fixed buffer: it has ten megabytes, of which we keep three. The
 * kernel makes the text as it is read, a page or so at a time, and keeps nothing back of what it
 * has made. A line is "ffffffff81000000 T name" with "\t[module]" behind it for a module's.
 */
#include "daemon/symbol/kallsyms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define BUFFER_SIZE (64 * 1024)
#define PART 4 /* reads, of some 90 lines each */
#define KERNEL_HALF (1ull << 63)

struct kallsyms_reading {
	struct kallsyms_wish wish;
	struct kallsyms_result result;
	int fd;
	bool at_images;
	size_t held;
	char buffer[BUFFER_SIZE];
};

struct line {
	uint64_t address;
	char type;
	char *name;
	char *module; /* NULL: the kernel proper */
};

/* Takes a NUL-terminated line apart in place. */
static bool parse_line(char *text, struct line *ret)
{
	char *p = text;

	ret->address = 0;
	for (;; p++) {
		unsigned int digit;

		if (*p >= '0' && *p <= '9')
			digit = *p - '0';
		else if (*p >= 'a' && *p <= 'f')
			digit = *p - 'a' + 10;
		else
			break;
		ret->address = ret->address << 4 | digit;
	}
	if (p == text || p[0] != ' ' || !p[1] || p[2] != ' ' || !p[3])
		return false;
	ret->type = p[1];
	ret->name = p + 3;
	ret->module = NULL;

	p = strchr(ret->name, '\t');
	if (p) {
		*p++ = '\0';
		if (*p == '[') {
			ret->module = p + 1;
			p = strchr(p, ']');
			if (!p)
				return false;
			*p = '\0';
		}
	}
	return true;
}

static bool is_code(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

static bool is_image(const char *module)
{
	return module && (!strcmp(module, "bpf") || !strncmp(module, "__builtin__", 11));
}

static int take_line(struct kallsyms_reading *reading, const struct line *line)
{
	const struct kallsyms_wish *wish = &reading->wish;
	struct kallsyms_result *result = &reading->result;
	struct symbol_table *table = line->module ? result->modules : result->kernel;

	/* Per-CPU offsets and absolute values stand in the file too. */
	if (line->address < KERNEL_HALF)
		return 0;
	result->hidden = false;
	reading->at_images = is_image(line->module);
	if (reading->at_images)
		return wish->image ? wish->image(line->address, line->name, line->module,
						 wish->userdata) : 0;
	if (!table)
		return 0;
	return symbol_table_add(table, line->address, is_code(line->type), line->type < 'a',
				line->name, line->module);
}

/* What one read() gives. Positive: there may be more. */
static int take_some(struct kallsyms_reading *reading)
{
	ssize_t n = read(reading->fd, reading->buffer + reading->held, BUFFER_SIZE - reading->held);
	char *start = reading->buffer, *end;
	struct line line;

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (n == 0)
		return 0;
	reading->held += n;
	while ((end = memchr(start, '\n', reading->buffer + reading->held - start))) {
		*end = '\0';
		if (parse_line(start, &line)) {
			int r = take_line(reading, &line);

			if (r < 0)
				return r;
		}
		start = end + 1;
	}
	reading->held -= start - reading->buffer;
	if (reading->held == BUFFER_SIZE) /* no symbol has 64 KiB: not our file */
		return -EBADMSG;
	memmove(reading->buffer, start, reading->held);
	return 1;
}

int kallsyms_begin(const char *path, const struct kallsyms_wish *wish,
		struct kallsyms_reading **ret)
{
	struct kallsyms_reading *reading = malloc(sizeof(*reading));
	int r = 0;

	if (!reading)
		return -ENOMEM;
	reading->wish = *wish;
	reading->result = (struct kallsyms_result){ .hidden = true };
	reading->at_images = false;
	reading->held = 0;
	reading->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (reading->fd < 0)
		r = -errno;
	if (r == 0 && wish->kernel)
		r = symbol_table_new(&reading->result.kernel);
	if (r == 0 && wish->modules)
		r = symbol_table_new(&reading->result.modules);
	if (r < 0) {
		kallsyms_end(reading);
		return r;
	}
	*ret = reading;
	return 0;
}

int kallsyms_go_on(struct kallsyms_reading *reading, struct kallsyms_result *ret)
{
	struct kallsyms_result *result = &reading->result;
	int r = 1;

	for (unsigned int i = 0; r > 0 && (i < PART || reading->at_images); i++)
		r = take_some(reading);
	if (r)
		return r;
	if (result->kernel)
		r = symbol_table_seal(result->kernel, reading->wish.loaded);
	if (r == 0 && result->modules)
		r = symbol_table_seal(result->modules, reading->wish.loaded);
	if (r < 0)
		return r;
	*ret = *result;
	result->kernel = result->modules = NULL;
	return 0;
}

void kallsyms_end(struct kallsyms_reading *reading)
{
	if (!reading)
		return;
	symbol_table_free(reading->result.kernel);
	symbol_table_free(reading->result.modules);
	close_fd(reading->fd);
	free(reading);
}

int kallsyms_read(const char *path, const struct kallsyms_wish *wish, struct kallsyms_result *ret)
{
	struct kallsyms_reading *reading;
	int r = kallsyms_begin(path, wish, &reading);

	if (r < 0)
		return r;
	do
		r = kallsyms_go_on(reading, ret);
	while (r > 0);
	kallsyms_end(reading);
	return r;
}

bool kallsyms_visible(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buffer[2048];
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);

	if (n <= 0)
		return false;
	buffer[n] = '\0';
	for (char *p = buffer; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		/* First come variables of each CPU, by their distance from its area. */
		if (strtoull(p, NULL, 16))
			return true;
	}
	return false;
}
