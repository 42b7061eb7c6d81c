/* SPDX-License-Identifier: Apache-2.0 */
/* What code is in the kernel's memory, now and a while ago. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/images.h"
#include "daemon/symbol/life.h"
#include "daemon/symbol/modules.h"
#include "daemon/symbol/sideband.h"
#include "daemon/symbol/symbol-table.h"

/*
 * Nothing that can be looked up is freed before code_bury(), so that pointers to names stay good
 * while the world changes.
 */
struct code {
	const char *kallsyms_path;
	bool live;

	struct symbol_table *kernel; /* NULL only before code_init() succeeded */
	struct symbol_table *modules;
	struct symbol_table *former; /* of the modules before they last changed, or NULL */
	struct images images;

	/* Of answers: by the kernel's table, by that of the modules, and that nothing is known. */
	struct life *kernel_life;
	struct life *module_life;
	struct life *absence;
	struct life_list retired;
	struct symbol_table **old_tables;
	size_t n_old_tables;

	struct modules loaded;
	uint64_t modules_seen; /* when we last looked which modules there are */
	uint64_t modules_since; /* before it `former` stood, after it perhaps; 0: no former */
	uint64_t modules_changed_at; /* when we learned of it: `former` stood no longer than that */
	uint64_t modules_changes; /* how often other modules were found loaded */
	bool modules_stale; /* the table of the modules is to be read again before it is used */
	struct kallsyms_reading *tables; /* the new table of the modules; NULL: not begun */
	struct rescan *rescan; /* of images, since reports are missing; NULL: none are */
	struct sideband *sideband; /* NULL: no reports */
	int uevents; /* descriptor, or negative */
	bool listen; /* something may wait there */
	uint64_t known_until; /* when we last knew of everything; CLOCK_MONOTONIC, ns */
	uint64_t next_look;
	uint64_t next_search;

	bool addresses_hidden;
	bool programs_hidden;
	uint64_t lost_reports;
};

/* Reads everything that is there. -ENOMEM; what cannot be had for other reasons is left out. */
int code_init(struct code *code, const char *kallsyms_path, bool live);
void code_deinit(struct code *code);

/* Whether the kernel has reported something. No system call. */
static inline bool code_has_news(const struct code *code)
{
	return code->sideband && sideband_has_news(code->sideband);
}

/* Takes the kernel's reports in. */
void code_take_in(struct code *code);

/* Everything that happened until then is known, but for what is being read anew. */
void code_know_until(struct code *code, uint64_t time);

/*
 * Whether something is to be read anew, which takes long: code_go_on() reads a part of it, and says
 * whether there is more.
 */
static inline bool code_is_behind(const struct code *code)
{
	return code->rescan || code->modules_stale;
}
bool code_go_on(struct code *code);

/*
 * What perf does not report: modules and CPUs that came or went (once a second, or when told to
 * listen), and what nobody reports. A former table of modules goes after `grace`.
 */
void code_look_around(struct code *code, uint64_t now, uint64_t grace);

/* The table of the modules as they are now: read to its end if need be. */
const struct symbol_table *code_modules(struct code *code);

/*
 * Called when an address outside the kernel proper is not known, or a name is not: looks for
 * modules that came meanwhile, at most once a second. True: look again.
 */
bool code_search(struct code *code, uint64_t now);

/*
 * Reads the program of that id, which has come by `time`, and binds its images to it; `capture`:
 * with its lines and its machine code, which are otherwise read when they are first needed.
 */
void code_learn_program(struct code *code, uint32_t id, uint64_t time, bool capture);

/* More is known of the kernel's code and the modules' now: locations are to be made anew. */
void code_renew(struct code *code);

/* Frees what went out of sight. No location that was made before may be in use. */
void code_bury(struct code *code);
static inline bool code_has_dead(const struct code *code)
{
	return !SLIST_EMPTY(&code->retired) || code->n_old_tables;
}

size_t code_bytes(const struct code *code);

/* CLOCK_MONOTONIC in nanoseconds, up to a tick late, without a system call. */
uint64_t code_clock(void);
