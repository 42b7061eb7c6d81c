// SPDX-License-Identifier: Apache-2.0
/*
 * Translates errno and verifier log to a reason. The sentences are those of
 * bpf_check_attach_target() in kernel/bpf/verifier.c; where none is known, the kernel's own words
 * are handed on.
 */
#include "daemon/trace/kernel-words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/macro.h"

static const struct {
	const char *words;
	enum target_error error;
} load_words[] = {
	{ "Cannot recursively attach", TARGET_E_TRACING_PROGRAM },
	{ "Cannot nest tracing program", TARGET_E_TRACING_PROGRAM },
	{ "to __noreturn function", TARGET_E_NO_RETURN }, /* since 6.16 */
	{ "Attaching tracing programs to function", TARGET_E_DENIED },
	{ "Subprog", TARGET_E_NOT_TRACEABLE },
	{ "cannot be found", TARGET_E_NOT_TRACEABLE },
	{ "is not a function", TARGET_E_NOT_TRACEABLE },
	{ "Too many.", TARGET_E_NOT_TRACEABLE }, /* arguments */
	{ "unsupported", TARGET_E_NOT_TRACEABLE }, /* type of an argument or of the return value */
	{ "variable args", TARGET_E_NOT_TRACEABLE },
};

void kernel_words_last(const char *log, char *buffer, size_t size)
{
	const char *last = "";
	size_t length = 0;

	for (const char *line = log; *line;) {
		size_t n = strcspn(line, "\n");

		if (n && strncmp(line, "processed ", 10)) {
			last = line;
			length = n;
		}
		line += n;
		line += *line == '\n';
	}
	snprintf(buffer, size, "%.*s", (int)length, last);
}

enum target_error kernel_words_load(const struct target *target, int error, const char *log,
		char *detail, size_t size)
{
	kernel_words_last(log, detail, size);
	for (size_t i = 0; i < ARRAY_SIZE(load_words); i++)
		if (strstr(detail, load_words[i].words))
			return load_words[i].error;

	if (!*detail)
		snprintf(detail, size, "%s", strerror(error));
	switch (error) {
	case EPERM:
	case EACCES:
		return TARGET_E_PERMISSION;
	case ENOENT:
		return target->kind == TARGET_PROGRAM ? TARGET_E_GONE : TARGET_E_NOT_TRACEABLE;
	default:
		return TARGET_E_REFUSED;
	}
}

enum target_error kernel_words_attach(const struct target *target, int error, char *detail,
		size_t size)
{
	switch (error) {
	case E2BIG:
		snprintf(detail, size, "no room in the function's trampoline");
		return TARGET_E_TOO_MANY;
	case EBUSY:
		/* Of a program: an extension took its place. Of a function: no entry to patch. */
		if (target->kind == TARGET_FUNCTION) {
			snprintf(detail, size, "its entry cannot be patched");
			return TARGET_E_NOT_TRACEABLE;
		}
		snprintf(detail, size, "an extension program (freplace) stands in its place");
		return TARGET_E_REFUSED;
	case EPERM:
	case EACCES:
		snprintf(detail, size, "%s", strerror(error));
		return TARGET_E_PERMISSION;
	default:
		snprintf(detail, size, "%s", strerror(error));
		return TARGET_E_REFUSED;
	}
}
