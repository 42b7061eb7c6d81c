/* SPDX-License-Identifier: Apache-2.0 */
/* The source lines and inlined functions of the kernel and its modules, by the indices of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/symbol/build-id.h"
#include "daemon/symbol/index.h"
#include "daemon/symbol/modules.h"
#include "daemon/symbol/symbols.h"

/* A section of a module in the kernel's memory. */
struct line_section {
	uint64_t start;
	uint64_t size;
	uint64_t base; /* of the section in the index */
};

/* The kernel, or one module. */
struct line_object {
	char name[64];
	struct build_id build_id; /* none: it never has lines */
	struct index *index; /* NULL: not yet, or never */
	uint64_t shift; /* of the kernel: what KASLR added */
	struct line_section *sections; /* of a module; read with its index */
	size_t n_sections;
	bool known; /* its build id was read since the modules last changed */
	uint64_t start; /* of a module's memory */
	uint64_t until; /* of a former module: when it was found gone; CLOCK_MONOTONIC, ns */
};

struct lines {
	symbols_need_fn need;
	void *userdata;
	const struct modules *loaded;
	const char *sysfs; /* "/sys"; another one in tests */
	uint64_t text_start; /* of the running kernel; 0: hidden */
	struct line_object kernel;
	struct line_object **modules;
	size_t n_modules;
	struct line_object **former; /* for records that are still on their way; oldest first */
	size_t n_former;
	struct index **old; /* to be closed by lines_bury() */
	size_t n_old;
};

/*
 * `need` NULL: no lines. `loaded` are the modules, borrowed: see lines_follow_modules(). Reads the
 * build id of the kernel.
 */
void lines_init(struct lines *lines, const char *sysfs, const struct modules *loaded,
		symbols_need_fn need, void *userdata);
void lines_deinit(struct lines *lines);

/*
 * Completes a location of the kernel (location->module NULL) or of a module that is loaded: its
 * file, line and column, and its frames, which are written to `frames` (INDEX_MAX_FRAMES). An
 * object that has no index is told to `need`, once.
 */
void lines_find(struct lines *lines, struct location *location, struct location_frame *frames);

/* The same for a module as it was loaded at `timestamp`, before the modules changed. */
void lines_find_former(struct lines *lines, struct location *location, uint64_t timestamp,
		struct location_frame *frames);

/* Asks for the kernel's index ahead of its first address. */
void lines_need_kernel(struct lines *lines);

/*
 * Takes an index over, for the object of its build id, and closes it when there is none. NULL: it
 * was no use; else the object, whose locations are to be renewed.
 */
const struct line_object *lines_take(struct lines *lines, struct index *index);

/* Other modules are loaded than before. What is gone is kept up to lines_forget_modules(). */
void lines_follow_modules(struct lines *lines);

/* Forgets what was found gone before `time`. */
void lines_forget_modules(struct lines *lines, uint64_t time);

/* Closes indices that are not used any more. No location that was made with them may be in use. */
void lines_bury(struct lines *lines);

/* Bytes of all mapped indices. */
size_t lines_mapped(const struct lines *lines);
