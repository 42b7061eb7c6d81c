/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the file through a fixed buffer: it has ten megabytes, of which we keep three.
 * A line is "ffffffff81000000 T name" with "\t[module]" behind it for a module's.
 */
#include "daemon/symbol/kallsyms.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define BUFFER_SIZE (64 * 1024)
#define KERNEL_HALF (1ull << 63)

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

static int take_line(const struct line *line, const struct kallsyms_wish *wish,
		struct kallsyms_result *result)
{
	struct symbol_table *table = line->module ? result->modules : result->kernel;

	/* Per-CPU offsets and absolute values stand in the file too. */
	if (line->address < KERNEL_HALF)
		return 0;
	result->hidden = false;
	if (is_image(line->module))
		return wish->image ? wish->image(line->address, line->name, line->module,
						 wish->userdata) : 0;
	if (!table)
		return 0;
	return symbol_table_add(table, line->address, is_code(line->type), line->type < 'a',
				line->name, line->module);
}

static int take_file(int fd, const struct kallsyms_wish *wish, struct kallsyms_result *result)
{
	_cleanup_free_ char *buffer = malloc(BUFFER_SIZE);
	size_t held = 0;
	struct line line;

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buffer + held, BUFFER_SIZE - held);
		char *start = buffer, *end;

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			return 0;
		held += n;
		while ((end = memchr(start, '\n', buffer + held - start))) {
			*end = '\0';
			if (parse_line(start, &line)) {
				int r = take_line(&line, wish, result);

				if (r)
					return r;
			}
			start = end + 1;
		}
		held -= start - buffer;
		if (held == BUFFER_SIZE) /* no symbol has 64 KiB: not our file */
			return -EBADMSG;
		memmove(buffer, start, held);
	}
}

int kallsyms_read(const char *path, const struct kallsyms_wish *wish, struct kallsyms_result *ret)
{
	struct kallsyms_result result = { .hidden = true };
	_cleanup_close_ int fd = -1;
	int r = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (wish->kernel)
		r = symbol_table_new(&result.kernel);
	if (r == 0 && wish->modules)
		r = symbol_table_new(&result.modules);
	if (r == 0)
		r = take_file(fd, wish, &result);
	if (r == 0 && result.kernel)
		r = symbol_table_seal(result.kernel, wish->loaded);
	if (r == 0 && result.modules)
		r = symbol_table_seal(result.modules, wish->loaded);
	if (r) {
		symbol_table_free(result.kernel);
		symbol_table_free(result.modules);
		return r;
	}
	*ret = result;
	return 0;
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
