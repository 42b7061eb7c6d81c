/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module is named after its file, but the kernel writes "_" for "-", and does not tell where the
 * file is: modules.dep does.
 */
#include "daemon/symbol/debug-info.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"

#define PATH_SIZE 4096

struct search {
	const char *root;
	const char *build_id;
	const char *release;
	debug_info_fn fn;
	void *userdata;
};

__attribute__((format(printf, 2, 3)))
static bool offer(const struct search *search, const char *format, ...)
{
	char path[PATH_SIZE];
	int length = snprintf(path, sizeof(path), "%s", search->root), n;
	va_list arguments;

	va_start(arguments, format);
	n = vsnprintf(path + length, sizeof(path) - length, format, arguments);
	va_end(arguments);
	return n >= (int)sizeof(path) - length || search->fn(path, search->userdata);
}

static bool offer_by_build_id(const struct search *search)
{
	if (strlen(search->build_id) < 3)
		return true;
	return offer(search, "/usr/lib/debug/.build-id/%.2s/%s.debug", search->build_id,
		     search->build_id + 2);
}

static void offer_kernel(const struct search *search)
{
	static const char *const formats[][2] = {
		{ "/usr/lib/debug/boot/vmlinux-", "" },
		{ "/usr/lib/debug/lib/modules/", "/vmlinux" },
		{ "/usr/lib/debug/lib/modules/", "/vmlinux.debug" },
		{ "/usr/lib/debug/boot/vmlinux-", ".debug" },
		{ "/lib/modules/", "/build/vmlinux" },
		{ "/lib/modules/", "/vmlinux" },
		{ "/boot/vmlinux-", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!offer(search, "%s%s%s", formats[i][0], search->release, formats[i][1]))
			return;
}

static bool is_module(const char *path, size_t length, const char *name)
{
	const char *base = memrchr(path, '/', length);
	size_t n = strlen(name);

	base = base ? base + 1 : path;
	if (length - (size_t)(base - path) < n + 3 || memcmp(base + n, ".ko", 3))
		return false;
	for (size_t i = 0; i < n; i++)
		if (base[i] != name[i] && !(base[i] == '-' && name[i] == '_'))
			return false;
	return true;
}

/* The path of the module below /lib/modules/RELEASE, without what is behind ".ko". */
static bool find_installed(const struct search *search, const char *name, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_SIZE];
	size_t room = 0;

	snprintf(path, sizeof(path), "%s/lib/modules/%s/modules.dep", search->root,
		 search->release);
	file = fopen(path, "re");
	if (!file)
		return false;
	/* kernel/net/foo.ko.xz: kernel/net/bar.ko.xz */
	while (getline(&line, &room, file) >= 0) {
		size_t length = strcspn(line, ":\n");

		if (!is_module(line, length, name))
			continue;
		length = strstr(line, ".ko") + 3 - line;
		return snprintf(ret, size, "%.*s", (int)length, line) < (int)size;
	}
	return false;
}

static bool offer_module_at(const struct search *search, const char *path)
{
	static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };

	if (!offer(search, "/usr/lib/debug/lib/modules/%s/%s", search->release, path) ||
	    !offer(search, "/usr/lib/debug/lib/modules/%s/%s.debug", search->release, path))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (!offer(search, "/lib/modules/%s/%s%s", search->release, path, suffixes[i]))
			return false;
	return true;
}

/* Where modules are put that depmod was not told of. */
static void offer_module(const struct search *search, const char *name)
{
	static const char *const directories[] = { "updates", "updates/dkms", "extra" };
	char path[PATH_SIZE / 2];

	if (find_installed(search, name, path, sizeof(path)) && !offer_module_at(search, path))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(path, sizeof(path), "%s/%s.ko", directories[i], name);
		if (!offer_module_at(search, path))
			return;
	}
}

void debug_info_paths(const char *root, const char *object, const char *build_id,
		const char *release, debug_info_fn fn, void *userdata)
{
	const struct search search = {
		.root = root,
		.build_id = build_id,
		.release = release,
		.fn = fn,
		.userdata = userdata,
	};

	if (!offer_by_build_id(&search))
		return;
	if (!strcmp(object, "vmlinux"))
		offer_kernel(&search);
	else
		offer_module(&search, object);
}
