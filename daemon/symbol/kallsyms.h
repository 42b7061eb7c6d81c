/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/kallsyms: the kernel's own list of its symbols. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/modules.h"
#include "daemon/symbol/symbol-table.h"

/*
 * Called for code that the kernel made at run time: BPF programs and trampolines (module "bpf"),
 * pages of ftrace and kprobes ("__builtin__ftrace"). Strings are borrowed. A negative number ends
 * the reading and is returned.
 */
typedef int (*kallsyms_image_fn)(uint64_t start, const char *name, const char *module,
		void *userdata);

struct kallsyms_wish {
	bool kernel; /* the kernel proper */
	bool modules;
	const struct modules *loaded; /* bounds of the modules */
	kallsyms_image_fn image; /* NULL: not wanted */
	void *userdata;
};

struct kallsyms_result {
	struct symbol_table *kernel; /* the caller's; NULL unless wanted */
	struct symbol_table *modules;
	bool hidden; /* all addresses were zero: kptr_restrict, or a missing privilege */
};

/* Reads the whole file, which takes the kernel about 0.1 s. Negative errno. */
int kallsyms_read(const char *path, const struct kallsyms_wish *wish, struct kallsyms_result *ret);

/*
 * The same in parts of less than a millisecond, for who has other things to do. Code made at run
 * time, which stands at the end of the file, is read in one part: it is as it was at one moment.
 */
struct kallsyms_reading;

int kallsyms_begin(const char *path, const struct kallsyms_wish *wish,
		struct kallsyms_reading **ret);
/* Positive: there is more to read; 0: that was all; negative errno. After these only the end. */
int kallsyms_go_on(struct kallsyms_reading *reading, struct kallsyms_result *ret);
void kallsyms_end(struct kallsyms_reading *reading);

/* Whether the first symbols of the file have addresses: cheap. False as well when unreadable. */
bool kallsyms_visible(const char *path);
