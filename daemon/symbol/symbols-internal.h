/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules of this room that work for symbols.h share. */
#pragma once

#include "daemon/symbol/branch-types.h"
#include "daemon/symbol/code.h"
#include "daemon/symbol/index.h"
#include "daemon/symbol/life.h"
#include "daemon/symbol/lines.h"
#include "daemon/symbol/location-cache.h"
#include "daemon/symbol/symbols.h"

struct images;
struct path_maker;

struct symbols {
	struct symbols_config config;
	struct code code;
	struct lines lines;
	uint64_t modules_changes; /* that the lines know of */
	struct location_cache cache;
	struct path_maker *paths;
	struct disassembler *disassemblers[N_SYNTAXES];
	struct branch_types branch_types;
	uint64_t fresh_until; /* all reports up to this time stamp are taken in */

	uint32_t *tracers; /* ids of the daemon's own programs */
	size_t n_tracers;
	size_t capacity_tracers;

	uint64_t hits;
	uint64_t misses;
	struct location nothing; /* for when there is no memory */
	struct location_frame frames[INDEX_MAX_FRAMES]; /* of the query being answered */
};

/*
 * As symbols_resolve(), of what is not worth keeping: nothing is cached or rendered. Its frames are
 * valid until the next look-up, what else it points to until symbols_refresh(). Returns the life of
 * the answer; NULL: it may not be kept.
 */
struct life *symbols_look_up(struct symbols *symbols, uint64_t address, uint64_t timestamp,
		struct location *ret);

/* What code came and went. */
struct images *symbols_images(struct symbols *symbols);
struct path_maker *symbols_path_maker(struct symbols *symbols);

/* Whether a program is one of the daemon's own. */
bool symbols_is_tracer(const struct symbols *symbols, uint32_t program_id);
