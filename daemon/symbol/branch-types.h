/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of branch it was, by the instruction it left from: for CPUs that do not say. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/model/snapshot.h"
#include "daemon/symbol/cache.h"
#include "daemon/symbol/disassembler.h"

struct symbols;

struct branch_types {
	struct cache cache;
	struct disassembler *disassembler;
};

/* Remembers at most `max` branches. Borrows the disassembler. -ENOMEM. */
int branch_types_init(struct branch_types *types, size_t max, struct disassembler *disassembler);
void branch_types_deinit(struct branch_types *types);

/*
 * The type of a branch from `from` to `to` that was recorded at `timestamp`. UNKNOWN where the code
 * cannot be read, or is not such that it leads from the one to the other: it was patched since.
 */
enum branch_type symbols_branch_type(struct symbols *symbols, const struct location *from,
		const struct location *to, uint64_t timestamp);
