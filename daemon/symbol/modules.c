/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel reports the load of a BPF program to perf, but not that of a module: comparing two
 * readings of this list tells whether /proc/kallsyms, a hundred times dearer, must be read again.
 */
#include "daemon/symbol/modules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static int append(struct modules *modules, const struct module *module)
{
	struct module *grown;

	/* Grows by doubling: the number is a power of two exactly when the room is used up. */
	if ((modules->n_modules & (modules->n_modules - 1)) == 0) {
		size_t capacity = modules->n_modules ? 2 * modules->n_modules : 1;

		grown = realloc(modules->modules, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		modules->modules = grown;
	}
	modules->modules[modules->n_modules++] = *module;
	return 0;
}

int modules_read(const char *path, struct modules *ret)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int r;

	*ret = (struct modules){};
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;

	while (getline(&line, &size, file) >= 0) {
		struct module module = {};

		/* name size references dependants state address [taint] */
		if (sscanf(line, "%63s %" SCNu64 " %*s %*s %*s %" SCNx64, module.name,
			   &module.size, &module.start) != 3)
			continue;
		r = append(ret, &module);
		if (r < 0)
			return r;
	}
	return 0;
}

void modules_deinit(struct modules *modules)
{
	free(modules->modules);
	*modules = (struct modules){};
}

bool modules_equal(const struct modules *a, const struct modules *b)
{
	if (a->n_modules != b->n_modules)
		return false;
	for (size_t i = 0; i < a->n_modules; i++)
		if (a->modules[i].start != b->modules[i].start ||
		    strcmp(a->modules[i].name, b->modules[i].name))
			return false;
	return true;
}

const struct module *modules_find(const struct modules *modules, const char *name)
{
	for (size_t i = 0; i < modules->n_modules; i++)
		if (!strcmp(modules->modules[i].name, name))
			return &modules->modules[i];
	return NULL;
}
