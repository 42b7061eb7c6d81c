/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel modules are loaded, and where. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct module {
	char name[64]; /* MODULE_NAME_LEN is 56 */
	uint64_t start; /* 0 when hidden */
	uint64_t size;
};

struct modules {
	struct module *modules;
	size_t n_modules;
};

/*
 * Reads the list (/proc/modules). A kernel without module support has no such file: that is an
 * empty list. Negative errno otherwise; `ret` is defined in any case.
 */
int modules_read(const char *path, struct modules *ret);
void modules_deinit(struct modules *modules);

/* Whether both hold the same modules at the same places. */
bool modules_equal(const struct modules *a, const struct modules *b);

/* The module of that name, or NULL. */
const struct module *modules_find(const struct modules *modules, const char *name);
