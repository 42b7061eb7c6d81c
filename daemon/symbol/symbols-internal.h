/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules of this room that work for symbols.h ask of it. */
#pragma once

#include "daemon/symbol/life.h"
#include "daemon/symbol/symbols.h"

struct images;
struct path_maker;

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
