/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before architectural LBR the CPU records no types, and the kernel adds none to a snapshot. The
 * rule that must not break: an interrupt may come before any instruction, so where an interrupt's
 * entry was reached, the instruction says nothing.
 */
#include "daemon/symbol/branch-types.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/symbol/code-image.h"
#include "daemon/symbol/kinds.h"
#include "daemon/symbol/symbols-internal.h"

DEFINE_CLEANUP(struct code_image *, code_image_unref)

struct cached_branch {
	struct cache_entry entry;
	uint64_t address;
	uint64_t target; /* of a direct branch */
	bool direct;
	enum branch_type type;
};

int branch_types_init(struct branch_types *types, size_t max, struct disassembler *disassembler)
{
	types->disassembler = disassembler;
	return cache_init(&types->cache, CACHE_BOUND_NUMBER, max);
}

void branch_types_deinit(struct branch_types *types)
{
	cache_deinit(&types->cache);
}

static enum branch_type type_of(enum instruction_kind kind)
{
	switch (kind) {
	case INSTRUCTION_CONDITIONAL:
		return BRANCH_TYPE_CONDITIONAL;
	case INSTRUCTION_JUMP:
		return BRANCH_TYPE_JUMP;
	case INSTRUCTION_INDIRECT_JUMP:
		return BRANCH_TYPE_INDIRECT_JUMP;
	case INSTRUCTION_CALL:
		return BRANCH_TYPE_CALL;
	case INSTRUCTION_INDIRECT_CALL:
		return BRANCH_TYPE_INDIRECT_CALL;
	case INSTRUCTION_RETURN:
		return BRANCH_TYPE_RETURN;
	case INSTRUCTION_SYSTEM_CALL:
		return BRANCH_TYPE_SYSTEM_CALL;
	case INSTRUCTION_SYSTEM_RETURN:
		return BRANCH_TYPE_SYSTEM_RETURN;
	case INSTRUCTION_INTERRUPT_RETURN:
		return BRANCH_TYPE_EXCEPTION_RETURN;
	default:
		return BRANCH_TYPE_UNKNOWN;
	}
}

static void decode(struct symbols *symbols, uint64_t address, uint64_t timestamp,
		struct cached_branch *ret)
{
	_cleanup_(code_image_unref_p) struct code_image *image = NULL;
	struct instruction instruction;
	uint64_t offset;

	if (symbols_code(symbols, address, timestamp, &image) != 0)
		return;
	offset = address - image->start;
	disassembler_decode(symbols->branch_types.disassembler, image->bytes + offset,
			    image->size - offset, address, &instruction);
	ret->type = type_of(instruction.kind);
	ret->direct = instruction.direct;
	ret->target = instruction.target;
}

static enum branch_type leads_to(const struct cached_branch *branch, uint64_t to)
{
	return branch->direct && branch->target != to ? BRANCH_TYPE_UNKNOWN : branch->type;
}

static enum branch_type find_anew(struct symbols *symbols, uint64_t from, uint64_t to,
		uint64_t timestamp)
{
	struct cached_branch found = {
		.entry = { .hash = cache_hash(from), .size = sizeof(found) }, .address = from,
	};
	struct cached_branch *cached;
	struct location location;
	struct life *life = symbols_look_up(symbols, from, timestamp, &location);

	decode(symbols, from, timestamp, &found);
	cached = life ? malloc(sizeof(*cached)) : NULL;
	if (cached) {
		*cached = found;
		cache_add(&symbols->branch_types.cache, &cached->entry, life);
	}
	return leads_to(&found, to);
}

enum branch_type symbols_branch_type(struct symbols *symbols, const struct location *from,
		const struct location *to, uint64_t timestamp)
{
	struct cache_entry *entry;

	if (is_interrupt_vector(to) && from->kind != LOCATION_INTERRUPT)
		return BRANCH_TYPE_INTERRUPT;
	entry = cache_first(&symbols->branch_types.cache, cache_hash(from->address));
	for (; entry; entry = entry->next) {
		struct cached_branch *branch = container_of(entry, struct cached_branch, entry);

		if (branch->address != from->address || !life_holds(entry->life, timestamp))
			continue;
		entry->used = true;
		return leads_to(branch, to->address);
	}
	return find_anew(symbols, from->address, to->address, timestamp);
}
