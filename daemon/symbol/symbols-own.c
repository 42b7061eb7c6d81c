/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's own programs, whose rows count as the tracer's, and the account of what is known.
 * The rule that must not break: a program marked as a tracer is one before its first row is named.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/macro.h"
#include "daemon/symbol/path-maker.h"
#include "daemon/symbol/symbols-internal.h"

bool symbols_is_tracer(const struct symbols *symbols, uint32_t program_id)
{
	for (size_t i = 0; i < symbols->n_tracers; i++)
		if (symbols->tracers[i] == program_id)
			return true;
	return false;
}

/* Makes the images of a program be resolved anew; false: none is known. */
static bool renew_program(struct symbols *symbols, uint32_t program_id)
{
	struct images *images = &symbols->code.images;
	bool found = false;

	for (size_t i = 0; i < images->n_live; i++) {
		struct image *image = images->live[i];

		if (!image->program || image->program->id != program_id)
			continue;
		found = true;
		images_renew(images, image);
	}
	return found;
}

static bool has_images(const struct symbols *symbols, uint32_t program_id)
{
	const struct images *images = &symbols->code.images;

	for (size_t i = 0; i < images->n_live; i++)
		if (images->live[i]->program && images->live[i]->program->id == program_id)
			return true;
	for (size_t i = 0; i < images->n_dead; i++)
		if (images->dead[i]->program && images->dead[i]->program->id == program_id)
			return true;
	return false;
}

/* Before the list grows, those go that nothing can belong to any more. */
static bool make_room_for_tracer(struct symbols *symbols)
{
	size_t kept = 0, capacity;
	uint32_t *grown;

	if (symbols->n_tracers < symbols->capacity_tracers)
		return true;
	for (size_t i = 0; i < symbols->n_tracers; i++)
		if (has_images(symbols, symbols->tracers[i]))
			symbols->tracers[kept++] = symbols->tracers[i];
	symbols->n_tracers = kept;

	capacity = MAX(2 * kept, (size_t)16);
	grown = reallocarray(symbols->tracers, capacity, sizeof(*grown));
	if (!grown)
		return kept < symbols->capacity_tracers;
	symbols->tracers = grown;
	symbols->capacity_tracers = capacity;
	return true;
}

void symbols_add_tracer(struct symbols *symbols, uint32_t program_id)
{
	struct code *code = &symbols->code;

	if (symbols_is_tracer(symbols, program_id) || !make_room_for_tracer(symbols))
		return;
	symbols->tracers[symbols->n_tracers++] = program_id;
	if (code_has_news(code))
		code_take_in(code);
	if (!renew_program(symbols, program_id) && code->live)
		code_learn_program(code, program_id, code->known_until, false);
}

static size_t count_programs(const struct images *images)
{
	size_t n = 0;

	/* Function 0 is the entry function; of what is not bound nothing better is known. */
	for (size_t i = 0; i < images->n_live; i++)
		n += images->live[i]->kind == LOCATION_BPF_PROGRAM && !images->live[i]->function;
	for (size_t i = 0; i < images->n_dead; i++)
		n += images->dead[i]->kind == LOCATION_BPF_PROGRAM && !images->dead[i]->function;
	return n;
}

void symbols_describe(const struct symbols *symbols, struct symbols_description *ret)
{
	const struct path_cache *paths = path_maker_cache(symbols->paths);
	const struct code *code = &symbols->code;

	*ret = (struct symbols_description){
		.addresses_hidden = code->addresses_hidden,
		.programs_hidden = code->programs_hidden,
		.notified = code->sideband != NULL,
		.kernel_symbols = symbol_table_count(code->kernel) +
				  symbol_table_count(code->modules),
		.programs = count_programs(&code->images),
		.cached_locations = symbols->cache.cache.n,
		.cache_hits = symbols->hits,
		.cache_misses = symbols->misses,
		.cached_runs = paths->cache.n,
		.run_bytes = paths->cache.bytes,
		.run_hits = paths->hits,
		.run_misses = paths->misses,
		.lost_reports = code->lost_reports,
		.bytes = sizeof(*symbols) + code_bytes(code) +
			 cache_memory(&symbols->cache.cache) + cache_memory(&paths->cache) +
			 cache_memory(&symbols->branch_types.cache),
		.location_bytes = cache_memory(&symbols->cache.cache),
		.mapped_bytes = lines_mapped(&symbols->lines),
	};
}
