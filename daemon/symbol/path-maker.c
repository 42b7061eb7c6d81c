/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule that must not break: what is cached of a run holds as long as the code that it was read
 * from is there. Code of programs never changes but where path-run.c knows of it; kernel code that
 * was patched since leads elsewhere, and so to other runs.
 */
#include "daemon/symbol/path-maker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/symbol/bpf-maps.h"
#include "daemon/symbol/code-image.h"
#include "daemon/symbol/symbols-internal.h"

/* Assembler code has labels in a row that count as functions. */
#define MAX_IMAGES 16

struct path_maker {
	size_t max_instructions;
	struct disassembler *disassembler;
	struct path_cache cache;
	struct path_run run; /* the one being made; its arrays are used again */
};

DEFINE_CLEANUP(struct code_image *, code_image_unref)

int path_maker_new(size_t max_bytes, size_t max_instructions, path_render_fn render,
		struct disassembler *disassembler, struct path_maker **ret)
{
	struct path_maker *maker = calloc(1, sizeof(*maker));
	int r;

	if (!maker)
		return -ENOMEM;
	maker->max_instructions = max_instructions;
	maker->disassembler = disassembler;
	r = path_cache_init(&maker->cache, max_bytes, render);
	if (r < 0) {
		path_maker_free(maker);
		return r;
	}
	*ret = maker;
	return 0;
}

void path_maker_free(struct path_maker *maker)
{
	if (!maker)
		return;
	path_cache_deinit(&maker->cache);
	path_run_deinit(&maker->run);
	free(maker);
}

const struct path_cache *path_maker_cache(const struct path_maker *maker)
{
	return &maker->cache;
}

void path_maker_sweep(struct path_maker *maker)
{
	cache_sweep(&maker->cache.cache);
}

/* ---- the code ---- */

/* The bytes of functions that lie end to end, and their end. */
struct joined {
	uint8_t *bytes;
	size_t size;
};

static int append(struct joined *joined, const struct code_image *image)
{
	uint8_t *grown = realloc(joined->bytes, joined->size + image->size);

	if (!grown)
		return -ENOMEM;
	memcpy(grown + joined->size, image->bytes, image->size);
	joined->bytes = grown;
	joined->size += image->size;
	return 0;
}

/* Adds the functions behind `first`, up to the one of `to` or where the next is not known. */
static int join(struct symbols *symbols, const struct code_image *first, uint64_t to,
		uint64_t timestamp, struct joined *ret)
{
	int r = append(ret, first);

	for (size_t i = 1; r == 0 && i < MAX_IMAGES && first->start + ret->size <= to; i++) {
		_cleanup_(code_image_unref_p) struct code_image *next = NULL;
		uint64_t end = first->start + ret->size;

		r = symbols_code(symbols, end, timestamp, &next);
		if (r > 0 || (r == 0 && next->start != end))
			return 0;
		if (r == 0)
			r = append(ret, next);
	}
	return r;
}

static int decode(struct path_maker *maker, const struct path_key *key, uint64_t function,
		const struct path_code *code)
{
	const struct path_span span = {
		.from = key->from,
		.to = key->to,
		.next = key->next,
		.interrupted = key->interrupted,
		.function = function,
	};

	return path_run_decode(maker->disassembler, code, &span, maker->max_instructions,
			       &maker->run);
}

/* Which maps the run has addresses of. */
static void find_maps(struct path_maker *maker, const struct code_image *image)
{
	const struct bpf_machine_code code = { image->start, image->size, image->bytes };
	struct path_run *run = &maker->run;
	struct bpf_map_cursor cursor;
	uint32_t offset;

	bpf_program_read_insns(image->program);
	bpf_map_cursor_init(&cursor, image->program, image->function);
	bpf_map_cursor_seek(&cursor, maker->disassembler, &code, run->from);
	for (size_t i = 0; i < run->n_instructions; i++)
		run->instructions[i].map = bpf_map_cursor_next(&cursor,
				&run->instructions[i].decoded, run->instructions[i].bytes, &offset);
}

/* 0 with the instructions of the run; -ENOMEM; or the gap, in the run. */
static int read_and_decode(struct symbols *symbols, const struct path_key *key,
		uint64_t timestamp)
{
	struct path_maker *maker = symbols_path_maker(symbols);
	_cleanup_(code_image_unref_p) struct code_image *image = NULL;
	struct path_run *run = &maker->run;
	struct joined joined = {};
	struct path_code bytes;
	int r = symbols_code(symbols, key->from, timestamp, &image);

	if (r > 0) {
		run->gap = PATH_NO_CODE;
		run->error = r;
	}
	if (r)
		return MIN(r, 0);
	bytes = (struct path_code){ image->start, image->start + image->size, image->bytes };
	/* A program's functions are apart, whatever lies behind them. */
	if (!image->program && key->to >= bytes.end && key->to - bytes.end < CODE_IMAGE_MAX) {
		r = join(symbols, image, key->to, timestamp, &joined);
		bytes.bytes = joined.bytes;
		bytes.end = image->start + joined.size;
	}
	if (r == 0)
		r = decode(maker, key, image->start, &bytes);
	if (r == 0 && image->program && key->detail == PATH_INSTRUCTIONS)
		find_maps(maker, image);
	free(joined.bytes);
	if (r > 0)
		run->gap = r;
	return MIN(r, 0);
}

/* ---- names and lines ---- */

/* Of code that is inlined, the line is that of the innermost function. */
static struct path_line line_of(const struct location *location, size_t first)
{
	struct path_line line = {
		.first = first,
		.file = location->file,
		.text = location->source,
		.line = location->line,
		.column = location->column,
	};

	if (location->n_frames) {
		line.function = location->frames[0].function;
		line.file = location->frames[0].file;
		line.line = location->frames[0].line;
		line.column = location->frames[0].column;
		line.text = NULL;
	}
	return line;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_line(const struct path_line *a, const struct path_line *b)
{
	return a->line == b->line && same_text(a->file, b->file) &&
	       same_text(a->function, b->function);
}

/* What an instruction points to, and no line of it: it is told again with every call. */
static struct location name_of(struct symbols *symbols, uint64_t address, uint64_t timestamp,
		bool sure)
{
	struct location location, name = {};

	symbols_look_up(symbols, address, timestamp, &location);
	if (!location.symbol && !sure)
		return name;
	name.address = address;
	name.symbol = location.symbol;
	name.offset = location.offset;
	name.module = location.module;
	return name;
}

/* Line by line, and where to each instruction points. Anything else it tells is in the code. */
static int name_instructions(struct symbols *symbols, struct path_run *run, uint64_t timestamp)
{
	for (size_t i = 0; i < run->n_instructions; i++) {
		struct path_instruction *instruction = &run->instructions[i];
		const struct instruction *decoded = &instruction->decoded;
		uint64_t target = decoded->direct ? decoded->target : decoded->reference;
		struct location location;
		struct path_line line;
		int r = 0;

		symbols_look_up(symbols, decoded->address, timestamp, &location);
		line = line_of(&location, i);
		if (!run->n_lines || !same_line(&run->lines[run->n_lines - 1], &line))
			r = path_run_add_line(run, &line, location.frames, location.n_frames);
		if (r < 0)
			return r;
		instruction->line = run->n_lines - 1;
		if (target)
			instruction->target = name_of(symbols, target, timestamp, decoded->direct);
	}
	return 0;
}

/* ---- the whole ---- */

static int make(struct symbols *symbols, const struct path_key *key, uint64_t timestamp,
		struct life **ret_life)
{
	struct path_maker *maker = symbols_path_maker(symbols);
	struct path_run *run = &maker->run;
	int r;

	run->gap = PATH_NO_GAP;
	run->error = 0;
	run->from = key->from;
	run->to = key->to;
	*ret_life = symbols_look_up(symbols, key->from, timestamp, &run->start);
	run->start.frames = NULL;
	run->start.n_frames = 0;
	r = read_and_decode(symbols, key, timestamp);
	if (r < 0 || run->gap)
		return r;
	return name_instructions(symbols, run, timestamp);
}

/* A sysctl may show tomorrow what is hidden today. */
static bool is_lasting(const struct path_run *run)
{
	return run->gap != PATH_NO_CODE ||
	       (run->error != CODE_E_HIDDEN && run->error != CODE_E_ADDRESSES_HIDDEN);
}

void path_maker_get(struct symbols *symbols, const struct path_key *key, uint64_t timestamp,
		struct path_run_answer *ret)
{
	struct path_maker *maker = symbols_path_maker(symbols);
	const struct cached_run *cached = path_cache_find(&maker->cache, key, timestamp);
	struct life *life;

	if (!cached && make(symbols, key, timestamp, &life) == 0) {
		if (life && is_lasting(&maker->run))
			cached = path_cache_add(&maker->cache, key, &maker->run, life);
		if (!cached && maker->run.gap) {
			*ret = (struct path_run_answer){
				.gap = maker->run.gap, .error = maker->run.error,
			};
			return;
		}
	}
	if (!cached) { /* no memory */
		*ret = (struct path_run_answer){ .gap = PATH_NO_CODE };
		return;
	}
	*ret = (struct path_run_answer){
		.gap = cached->gap,
		.error = cached->error,
		.end = cached->end,
		.text = cached->text,
		.text_length = cached->text_length,
	};
}
