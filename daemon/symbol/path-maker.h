/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes, names and renders runs, each once. */
#pragma once

#include "daemon/symbol/path-cache.h"
#include "daemon/symbol/symbols.h"

struct path_maker;

/* At most `max_instructions` in a run. Borrows the disassembler. -ENOMEM. */
int path_maker_new(size_t max_bytes, size_t max_instructions, path_render_fn render,
		struct disassembler *disassembler, struct path_maker **ret);
void path_maker_free(struct path_maker *maker);

struct path_run_answer {
	enum path_gap gap;
	int error; /* PATH_NO_CODE: enum code_error */
	enum path_end end;
	const char *text; /* valid until the next sweep */
	size_t text_length;
};

/* What ran from key->from to key->to at `timestamp`, out of the cache or into it. */
void path_maker_get(struct symbols *symbols, const struct path_key *key, uint64_t timestamp,
		struct path_run_answer *ret);

const struct path_cache *path_maker_cache(const struct path_maker *maker);
void path_maker_sweep(struct path_maker *maker);
