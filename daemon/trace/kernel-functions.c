// SPDX-License-Identifier: Apache-2.0
/*
 * Looks up functions in /sys/kernel/btf: one pass over the types, no index, since a request asks
 * for one name and the kernel's BTF is some 8 MB that a resident process had better not double.
 *
 * The rule that must not break: a module's type ids go on where the kernel's end, and mean nothing
 * without the module's own BTF descriptor beside them.
 */
#include "daemon/trace/kernel-functions.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/trace/btf-function.h"

#define BTF_DIRECTORY "/sys/kernel/btf"

DEFINE_CLEANUP(struct btf *, btf__free)

struct kernel_functions {
	struct btf *vmlinux; /* NULL: not read */
};

static void closedir_p(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int kernel_functions_new(struct kernel_functions **ret)
{
	struct kernel_functions *functions = calloc(1, sizeof(*functions));

	if (!functions)
		return -ENOMEM;
	*ret = functions;
	return 0;
}

void kernel_functions_trim(struct kernel_functions *functions)
{
	btf__free(functions->vmlinux);
	functions->vmlinux = NULL;
}

void kernel_functions_free(struct kernel_functions *functions)
{
	if (!functions)
		return;
	kernel_functions_trim(functions);
	free(functions);
}

static int read_vmlinux(struct kernel_functions *functions)
{
	struct btf *btf;

	if (functions->vmlinux)
		return 0;
	btf = btf__parse(BTF_DIRECTORY "/vmlinux", NULL);
	if (!btf)
		return errno == ENOMEM ? -ENOMEM : -ENOPKG;
	functions->vmlinux = btf;
	return 0;
}

/* The id of the function among the types from `first` on; 0: there is none. */
static uint32_t find_in(const struct btf *btf, uint32_t first, const char *name,
		struct name_suggestion *suggestion)
{
	uint32_t n = btf__type_cnt(btf);

	for (uint32_t id = first; id < n; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *found;

		if (!btf_is_func(type))
			continue;
		found = btf__name_by_offset(btf, type->name_off);
		if (!strcmp(found, name))
			return id;
		if (suggestion)
			name_suggestion_offer(suggestion, found);
	}
	return 0;
}

static void fill(const struct btf *btf, uint32_t id, const char *module, const char *name,
		struct target *ret)
{
	ret->kind = TARGET_FUNCTION;
	ret->btf_id = id;
	snprintf(ret->function, sizeof(ret->function), "%s", name);
	snprintf(ret->module, sizeof(ret->module), "%s", module);
	btf_function_return(btf, id, &ret->return_kind, &ret->return_bytes);
}

static int find_in_module(struct kernel_functions *functions, const char *module, const char *name,
		struct name_suggestion *suggestion, struct target *ret)
{
	_cleanup_(btf__free_p) struct btf *btf = NULL;
	char path[sizeof(BTF_DIRECTORY) + 1 + sizeof(ret->module)];
	uint32_t id;

	if (strlen(module) >= sizeof(ret->module) || strchr(module, '/'))
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%s", BTF_DIRECTORY, module);
	btf = btf__parse_split(path, functions->vmlinux);
	if (!btf)
		return errno == ENOMEM ? -ENOMEM : -ENOENT;
	id = find_in(btf, btf__type_cnt(functions->vmlinux), name, suggestion);
	if (!id)
		return -ENOENT;
	fill(btf, id, module, name, ret);
	return 0;
}

static int find_in_modules(struct kernel_functions *functions, const char *name,
		struct name_suggestion *suggestion, struct target *ret)
{
	_cleanup_(closedir_p) DIR *dir = opendir(BTF_DIRECTORY);
	struct dirent *entry;
	int found = 0;

	while (dir && (entry = readdir(dir))) {
		int r;

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "vmlinux"))
			continue;
		r = find_in_module(functions, entry->d_name, name, suggestion, ret);
		if (r && r != -ENOENT)
			return r;
		found += !r;
	}
	if (!found)
		return -ENOENT;
	return found > 1 ? -ENOTUNIQ : 0;
}

static int find(struct kernel_functions *functions, const char *text,
		struct name_suggestion *suggestion, struct target *ret)
{
	const char *colon = strchr(text, ':');
	uint32_t id;

	if (colon) {
		_cleanup_free_ char *module = strndup(text, (size_t)(colon - text));

		if (!module)
			return -ENOMEM;
		return find_in_module(functions, module, colon + 1, suggestion, ret);
	}
	id = find_in(functions->vmlinux, 1, text, suggestion);
	if (!id)
		return find_in_modules(functions, text, suggestion, ret);
	fill(functions->vmlinux, id, "", text, ret);
	return 0;
}

int kernel_functions_find(struct kernel_functions *functions, const char *text,
		struct name_suggestion *suggestion, struct target *ret)
{
	int r;

	r = read_vmlinux(functions);
	if (r)
		return r;
	r = find(functions, text, NULL, ret);
	/* Once more for a name like it: not on the way to one that is there, which must be fast. */
	return r == -ENOENT ? find(functions, text, suggestion, ret) : r;
}

int kernel_functions_open_module(const char *module)
{
	uint32_t id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		struct bpf_btf_info info = {};
		uint32_t size = sizeof(info);
		char name[64] = "";
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0) {
			if (errno == ENOENT) /* gone since */
				continue;
			return -errno;
		}
		info.name = (uintptr_t)name;
		info.name_len = sizeof(name);
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.kernel_btf &&
		    !strcmp(name, module))
			return fd;
		close_fd(fd);
	}
	return errno == ENOENT ? -ENOENT : -errno;
}
