/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room's face: a cache of finished locations in front of a few sources that are asked in
 * order. The rule that must not break: a location is handed out only for a moment in which its life
 * holds, and nothing it points to is freed before the next symbols_refresh().
 */
#include "daemon/symbol/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"
#include "daemon/symbol/code.h"
#include "daemon/symbol/code-image.h"
#include "daemon/symbol/kinds.h"
#include "daemon/symbol/lines.h"
#include "daemon/symbol/location-cache.h"
#include "daemon/symbol/path-maker.h"
#include "daemon/symbol/symbols-internal.h"

/* The moment "now": later than any time stamp, earlier than the end of what goes on. */
#define NOW (LIFE_OPEN - 1)
#define KERNEL_HALF (1ull << 63)

/* One look-up: what is asked, and the answer as the sources complete it. */
struct query {
	uint64_t address;
	uint64_t timestamp;
	struct location location;
	struct life *life;
};

/* What stands between the sources and whoever asks. */
static int make_caches(struct symbols *symbols)
{
	const struct symbols_config *config = &symbols->config;
	int r = location_cache_init(&symbols->cache, config->max_locations, config->render);

	for (int syntax = 0; syntax < N_SYNTAXES && r == 0; syntax++)
		r = disassembler_new(syntax, &symbols->disassemblers[syntax]);
	if (r == 0)
		r = path_maker_new(config->max_path_bytes, config->max_run, config->render_run,
				   symbols->disassemblers[SYNTAX_ATT], &symbols->paths);
	if (r == 0)
		r = branch_types_init(&symbols->branch_types, config->max_locations,
				      symbols->disassemblers[SYNTAX_ATT]);
	return r;
}

static void free_caches(struct symbols *symbols)
{
	branch_types_deinit(&symbols->branch_types);
	path_maker_free(symbols->paths);
	for (int syntax = 0; syntax < N_SYNTAXES; syntax++)
		disassembler_free(symbols->disassemblers[syntax]);
	location_cache_deinit(&symbols->cache);
}

int symbols_new(const struct symbols_config *config, struct symbols **ret)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));
	int r;

	if (!symbols)
		return -ENOMEM;
	symbols->config = *config;
	r = make_caches(symbols);
	if (r == 0)
		r = code_init(&symbols->code, config->kallsyms_path, config->live);
	if (r < 0) {
		free_caches(symbols);
		free(symbols);
		return r;
	}
	lines_init(&symbols->lines, config->sysfs_path, &symbols->code.loaded, config->need,
		   config->userdata);
	symbols->modules_changes = symbols->code.modules_changes;
	*ret = symbols;
	return 0;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	free_caches(symbols);
	lines_deinit(&symbols->lines);
	code_deinit(&symbols->code);
	free(symbols->tracers);
	free(symbols);
}

void symbols_refresh(struct symbols *symbols)
{
	struct code *code = &symbols->code;
	uint64_t now = code_clock();

	if (code_has_news(code))
		code_take_in(code);
	else
		code_know_until(code, now);
	code_look_around(code, now, symbols->config.grace_ns);
	images_reap(&code->images, now, symbols->config.grace_ns);
	if (now > symbols->config.grace_ns)
		lines_forget_modules(&symbols->lines, now - symbols->config.grace_ns);
	if (symbols->lines.n_old) /* locations have names of them */
		code_renew(code);
	if (code_has_dead(code) || cache_is_full(&symbols->cache.cache) ||
	    cache_is_full(&symbols->branch_types.cache) ||
	    cache_is_full(&path_maker_cache(symbols->paths)->cache)) {
		cache_sweep(&symbols->cache.cache);
		cache_sweep(&symbols->branch_types.cache);
		path_maker_sweep(symbols->paths);
		code_bury(code);
		lines_bury(&symbols->lines);
	}
}

bool symbols_is_behind(const struct symbols *symbols)
{
	return code_is_behind(&symbols->code);
}

bool symbols_go_on(struct symbols *symbols)
{
	if (code_has_news(&symbols->code))
		code_take_in(&symbols->code);
	return code_go_on(&symbols->code);
}

void symbols_hear(struct symbols *symbols)
{
	symbols->code.listen = true;
	symbols_refresh(symbols);
}

size_t symbols_get_fds(const struct symbols *symbols, int *fds, size_t max)
{
	const struct code *code = &symbols->code;
	size_t n = 0;

	if (code->uevents >= 0 && max > 0)
		fds[n++] = code->uevents;
	if (code->sideband && n < max)
		fds[n++] = sideband_fd(code->sideband);
	return n;
}

static void take_symbol(struct query *query, const struct symbol *symbol, struct life *life)
{
	query->location.kind = kind_of_kernel_symbol(symbol->name, symbol->module);
	query->location.symbol = symbol->name;
	query->location.offset = query->address - symbol->start;
	query->location.module = symbol->module;
	query->life = life;
}

/* The lines with the modules as they are now. */
static struct lines *get_lines(struct symbols *symbols)
{
	const struct code *code = &symbols->code;
	struct lines *lines = &symbols->lines;

	if (symbols->modules_changes != code->modules_changes) {
		symbols->modules_changes = code->modules_changes;
		lines_follow_modules(lines);
	}
	lines->text_start = symbol_table_text_start(code->kernel);
	return lines;
}

static bool ask_kernel(struct symbols *symbols, struct query *query)
{
	struct symbol symbol;

	if (!symbol_table_lookup(symbols->code.kernel, query->address, &symbol))
		return false;
	take_symbol(query, &symbol, symbols->code.kernel_life);
	lines_find(get_lines(symbols), &query->location, symbols->frames);
	return true;
}

static bool ask_images(struct symbols *symbols, struct query *query)
{
	struct image *image = images_find(&symbols->code.images, query->address,
					  query->timestamp);
	struct location *location = &query->location;
	struct bpf_program *program;
	struct bpf_source source;

	if (!image)
		return false;
	location->kind = image->kind;
	location->symbol = image->name;
	location->offset = query->address - image->start;
	location->module = image->module;
	query->life = image->life;

	program = image->program;
	if (!program)
		return true;
	location->program_id = program->id;
	if (symbols_is_tracer(symbols, program->id))
		location->kind = LOCATION_BPF_TRACER;
	if (program->functions[image->function].name)
		location->symbol = program->functions[image->function].name;
	bpf_program_read_rest(program);
	if (bpf_program_find_line(program, image->start, query->address, &source)) {
		location->file = source.file;
		location->line = source.line;
		location->column = source.column;
		location->source = source.text;
	}
	return true;
}

/* The life of an answer that holds for this one question only. */
static struct life *moment(struct symbols *symbols)
{
	struct life *life = life_new(0);

	life_retire(life, &symbols->code.retired);
	return life;
}

static bool is_same(const struct symbol *a, const struct symbol *b)
{
	return a->start == b->start && !strcmp(a->name, b->name) && !strcmp(a->module, b->module);
}

/* A record may be older than the latest change of the modules, or than what we know of it. */
static bool ask_modules(struct symbols *symbols, struct query *query)
{
	const struct code *code = &symbols->code;
	const struct symbol_table *modules = code_modules(&symbols->code);
	struct symbol was, is;
	bool before = code->former && query->timestamp <= code->modules_changed_at &&
		      symbol_table_lookup(code->former, query->address, &was);
	bool now = query->timestamp > code->modules_since &&
		   symbol_table_lookup(modules, query->address, &is);

	if (before && now && !is_same(&was, &is)) {
		/* One took the place of the other, and nobody knows when: rather no name. */
		query->life = moment(symbols);
	} else if (before) {
		take_symbol(query, &was, moment(symbols));
		lines_find_former(get_lines(symbols), &query->location, query->timestamp,
				  symbols->frames);
	} else if (now) {
		take_symbol(query, &is, code->module_life);
		lines_find(get_lines(symbols), &query->location, symbols->frames);
	}
	return before || now;
}

/*
 * Asked in order until one knows the address. Images stand before the modules, whose last symbols
 * have uncertain ends.
 */
static bool (*const sources[])(struct symbols *symbols, struct query *query) = {
	ask_kernel,
	ask_images,
	ask_modules,
};

static bool ask(struct symbols *symbols, struct query *query)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (sources[i](symbols, query))
			return true;
	return false;
}

/* An address in the span of the kernel proper that has no symbol will never have one. */
static bool may_come_to_be_known(const struct symbols *symbols, uint64_t address)
{
	uint64_t start, end;

	if (address < KERNEL_HALF)
		return false;
	return !symbol_table_span(symbols->code.kernel, &start, &end) || address < start ||
	       address >= end;
}

/*
 * The life of the answer "not known". Where something stood at other times, it holds for this one
 * question only.
 */
static struct life *absence(struct symbols *symbols, uint64_t address)
{
	if (!images_ever(&symbols->code.images, address))
		return symbols->code.absence;
	return moment(symbols);
}

/* Answers the query from the sources. */
static void find_out(struct symbols *symbols, struct query *query)
{
	bool again;

	query->location = (struct location){
		.address = query->address, .kind = LOCATION_UNKNOWN,
	};
	if (ask(symbols, query))
		return;
	again = may_come_to_be_known(symbols, query->address) &&
		code_search(&symbols->code, code_clock());
	if (!again || !ask(symbols, query))
		query->life = absence(symbols, query->address);
}

static const struct location *resolve_anew(struct symbols *symbols, uint64_t address,
		uint64_t timestamp)
{
	struct query query = { .address = address, .timestamp = timestamp };
	const struct location *location = NULL;

	symbols->misses++;
	find_out(symbols, &query);
	if (query.life)
		location = location_cache_add(&symbols->cache, &query.location, query.life);
	return location ? location : &symbols->nothing;
}

/* What is reported by now was there when a record was made, not only what the last refresh saw. */
static uint64_t catch_up(struct symbols *symbols, uint64_t timestamp)
{
	if (timestamp == 0)
		timestamp = NOW;
	if (timestamp > symbols->fresh_until) {
		if (code_has_news(&symbols->code))
			code_take_in(&symbols->code);
		if (timestamp != NOW) {
			symbols->fresh_until = timestamp;
			code_know_until(&symbols->code, timestamp);
		}
	}
	return timestamp;
}

struct life *symbols_look_up(struct symbols *symbols, uint64_t address, uint64_t timestamp,
		struct location *ret)
{
	struct query query = {
		.address = address,
		.timestamp = catch_up(symbols, timestamp),
	};

	find_out(symbols, &query);
	*ret = query.location;
	return query.life;
}

struct images *symbols_images(struct symbols *symbols)
{
	return &symbols->code.images;
}

struct disassembler *symbols_disassembler(struct symbols *symbols, enum instruction_syntax syntax)
{
	return symbols->disassemblers[syntax];
}

struct path_maker *symbols_path_maker(struct symbols *symbols)
{
	return symbols->paths;
}

const struct location *symbols_resolve(struct symbols *symbols, uint64_t address,
		uint64_t timestamp)
{
	const struct location *location;

	timestamp = catch_up(symbols, timestamp);
	location = location_cache_find(&symbols->cache, address, timestamp);
	if (location) {
		symbols->hits++;
		return location;
	}
	return resolve_anew(symbols, address, timestamp);
}

int symbols_code(struct symbols *symbols, uint64_t address, uint64_t timestamp,
		struct code_image **ret)
{
	if (code_has_news(&symbols->code))
		code_take_in(&symbols->code);
	return code_image_find(&symbols->code, address, timestamp ? timestamp : NOW, ret);
}

void symbols_capture(struct symbols *symbols, uint32_t program_id)
{
	struct bpf_program *program;

	if (code_has_news(&symbols->code))
		code_take_in(&symbols->code);
	program = images_program(&symbols->code.images, program_id);
	if (program) {
		bpf_program_read_rest(program);
		bpf_program_read_insns(program);
		bpf_program_read_code(program);
	}
}

int symbols_program(struct symbols *symbols, uint32_t program_id, unsigned int parts,
		struct bpf_program **ret)
{
	struct bpf_program *program;
	int r = bpf_program_read(program_id, parts, ret);

	if (r != -ENOENT)
		return r;
	if (code_has_news(&symbols->code))
		code_take_in(&symbols->code);
	program = images_program(&symbols->code.images, program_id);
	if (!program)
		return -ENOENT;
	*ret = bpf_program_ref(program);
	return 0;
}

int symbols_find(struct symbols *symbols, const char *name, const char *module,
		uint64_t *ret_start, uint64_t *ret_end)
{
	struct symbol symbol;
	int r;

	if (!module) {
		r = symbol_table_find(symbols->code.kernel, name, NULL, &symbol);
	} else {
		r = symbol_table_find(code_modules(&symbols->code), name, module, &symbol);
		if (r == -ENOENT && code_search(&symbols->code, code_clock()))
			r = symbol_table_find(code_modules(&symbols->code), name, module, &symbol);
	}
	if (r < 0)
		return r;
	*ret_start = symbol.start;
	*ret_end = symbol.end;
	return 0;
}

bool symbols_take_index(struct symbols *symbols, struct index *index)
{
	symbols->lines.text_start = symbol_table_text_start(symbols->code.kernel);
	if (!lines_take(&symbols->lines, index))
		return false;
	code_renew(&symbols->code);
	return true;
}

void symbols_need_kernel(struct symbols *symbols)
{
	symbols->lines.text_start = symbol_table_text_start(symbols->code.kernel);
	lines_need_kernel(&symbols->lines);
}
