/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the kernel may hand over of a BPF program: its information (which changes between two
 * questions), functions, line info, type information, machine code and instructions, by all that
 * reads them: both rooms that ask, names and lines, dumps of both kinds, paths. What comes of it
 * must be JSON that agrees with the interface. See fuzz-message.c on how it is built and run.
 */
#include <stdlib.h>

#include "common/checksum.h"
#include "common/macro.h"
#include "daemon/api/dump.h"
#include "daemon/api/location-text.h"
#include "daemon/api/path-text.h"
#include "daemon/symbol/symbols-internal.h"
#include "daemon/trace/programs.h"
#include "daemon/trace/select.h"
#include "proto/interface.h"
#include "proto/message.h"
#include "tests/doubles/kernel.h"
#include "tests/doubles/sample.h"
#include "tests/fuzz/input.h"
#include "tests/unit/symbol/world.h"

#define MAX_DEPTH 16
#define MAX_INSTRUCTIONS 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t seen; /* keeps the strings from being optimized away */

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* ---- what the kernel tells ---- */

/* Counts are small, but for one that is beyond everything. */
static uint32_t take_count(struct input *input)
{
	uint8_t n = input_byte(input);

	return n < 0xff ? n : UINT32_MAX;
}

static void take_info(struct input *input, struct bpf_prog_info *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = KERNEL_PROGRAM_ID;
	ret->type = input_byte(input);
	ret->btf_id = 1;
	input_take(input, ret->name, sizeof(ret->name) - 1);
	ret->nr_jited_ksyms = take_count(input);
	ret->nr_jited_func_lens = take_count(input);
	ret->nr_func_info = take_count(input);
	ret->func_info_rec_size = take_count(input);
	ret->nr_line_info = input_byte(input); /* what is too much is cut, and takes its time */
	ret->line_info_rec_size = take_count(input);
	ret->nr_jited_line_info = input_byte(input);
	ret->jited_line_info_rec_size = take_count(input);
	ret->jited_prog_len = take_count(input);
	ret->xlated_prog_len = take_count(input);
	ret->nr_map_ids = take_count(input);
}

/* Starts from a program that is in order, of which the input replaces what it wants. */
static void take_program(struct input *input, struct kernel_program *ret)
{
	uint8_t replaced, infos = input_byte(input);

	*ret = *sample_program();
	if (infos & 1)
		take_info(input, &ret->first);
	if (infos & 2)
		take_info(input, &ret->later);
	else if (infos & 1)
		ret->later = ret->first;
	ret->hidden = infos & 4 ? input_byte(input) : 0;
	replaced = input_byte(input);
	for (int i = 0; i < N_KERNEL_ARRAYS; i++)
		if (replaced & 1 << i)
			ret->arrays[i].data = input_slice(input, input_byte(input),
					&ret->arrays[i].size);
	if (infos & 8)
		ret->btf.data = input_slice(input, input_short(input), &ret->btf.size);
}

/* ---- what is made of it ---- */

/* Most inputs change little of what is written; what they leave need not be checked anew. */
static bool is_checked(const char *text, size_t length)
{
	static uint64_t checked[1 << 14];
	uint64_t digest = checksum(text, length);
	uint64_t *slot = &checked[digest % ARRAY_SIZE(checked)];
	bool is = *slot == digest;

	*slot = digest;
	return is;
}

static void check_json(struct json_writer *w, const char *type)
{
	static struct interface *interface;
	char path[INTERFACE_PATH_MAX];
	struct interface_type array = {.kind = INTERFACE_ARRAY};
	struct json_object *json, *value;
	const char *text;
	size_t length;

	if (!interface)
		require(interface_new(proto_interface_text, &interface, NULL) == 0);
	require(json_writer_finish(w, &text, &length) == 0);
	if (is_checked(text, length)) {
		json_writer_deinit(w);
		return;
	}
	require(message_parse(text, length, MAX_DEPTH, &json) == 0);
	array.element = interface_find(interface, INTERFACE_TYPE, type)->type;
	json_object_object_get_ex(json, "it", &value);
	if (interface_check(&array, value, path)) {
		fprintf(stderr, "%s: %s\n", path, text);
		abort();
	}
	json_object_put(json);
	json_writer_deinit(w);
}

static void begin_json(struct json_writer *w)
{
	json_begin_object(w);
	JSON_WRITE_KEY(w, "it");
}

static void check_dump(struct dump *dump)
{
	bool more = true;

	for (int part = 0; part < 2 && more; part++) {
		struct json_writer w = JSON_WRITER_INIT;

		begin_json(&w);
		more = dump_write(dump, MAX_INSTRUCTIONS, &w);
		json_end_object(&w);
		check_json(&w, "CodeFunction");
	}
}

static void dump_program(struct symbols *symbols, struct bpf_program *program, uint8_t options)
{
	const struct dump_config config = {
		.symbols = symbols,
		.syntax = options & 1 ? SYNTAX_INTEL : SYNTAX_ATT,
		.without_source = options & 2,
		.hide = options & 8,
	};
	struct dump *code, *insns;

	require(dump_new(&config, &code) == 0 && dump_new(&config, &insns) == 0);
	for (size_t i = 0; i < program->n_functions && i < 4; i++) {
		struct code_image *image;

		if (code_image_of_program(program, i, &image) == 0) {
			require(dump_add_image(code, image) == 0);
			code_image_unref(image);
		}
		require(dump_add_insns(insns, program, i) == 0);
	}
	require(dump_add_insns(insns, program, SIZE_MAX) == 0);
	check_dump(code);
	check_dump(insns);
	dump_free(code);
	dump_free(insns);
}

static void ask_lines(const struct bpf_program *program)
{
	struct bpf_source source;

	for (size_t i = 0; i < program->n_functions; i++)
		for (uint64_t at = 0; at < 64; at += 3)
			if (bpf_program_find_line(program, program->functions[i].start,
						  program->functions[i].start + at, &source))
				seen += strlen(source.file) + strlen(source.text);
	for (size_t i = 0; i < program->n_insns && i < 64; i++)
		if (bpf_program_find_insn_line(program, i, &source))
			seen += strlen(source.file) + strlen(source.text);
}

/* A record of branches from and to anywhere near the program's functions. */
static void take_snapshot(struct input *input, const struct bpf_program *program,
		struct snapshot *ret)
{
	uint64_t base = program->n_functions ? program->functions[0].start : 0;

	*ret = (struct snapshot){.timestamp = 1000000000, .n_branches = input_byte(input) % 12};
	for (uint32_t i = 0; i < ret->n_branches; i++)
		ret->branches[i] = (struct branch){
			.from = base + input_byte(input),
			.to = base + input_byte(input),
			.type = input_byte(input) % 16,
		};
}

static void follow_paths(struct symbols *symbols, const struct snapshot *snapshot,
		const struct bpf_program *program, bool hide)
{
	struct target target = {.kind = TARGET_PROGRAM};
	static struct rows rows;
	static struct path path;

	if (program->n_functions) {
		target.start = program->functions[0].start;
		target.end = program->functions[0].end;
	}
	rows_build(symbols, snapshot, &target, false, &rows);
	for (int detail = PATH_SOURCE; detail <= PATH_INSTRUCTIONS; detail++) {
		struct json_writer w = JSON_WRITER_INIT;

		path_build(symbols, snapshot, &target, &rows,
				detail | (hide ? PATH_WITHOUT_ADDRESSES : 0), &path);
		begin_json(&w);
		path_text_write(&w, &path, hide);
		json_end_object(&w);
		check_json(&w, "PathStep");
	}
}

/* As the room does that traces it. */
static void select_targets(void)
{
	struct target target;
	struct program program;
	char detail[256];

	if (program_read(KERNEL_PROGRAM_ID, &program) < 0)
		return;
	for (size_t i = 0; i < program.n_functions && i < 4; i++)
		if (select_function(&program, program.functions[i].name, TRACE_EXIT, &target) == 0)
			select_check(&program, &target, LINUX_VERSION(6, 1), detail,
					sizeof(detail));
	program_deinit(&program);
}

/* ---- the kernel around it ---- */

static struct symbols *world;

/* Where the images of the world end, all in one. */
static uint64_t fingerprint(void)
{
	const struct images *images = symbols_images(world);
	uint64_t digest = images->n_live;

	for (size_t i = 0; i < images->n_live; i++)
		digest += images->live[i]->end;
	return digest;
}

static void close_world(void)
{
	symbols_free(world);
	world = NULL;
}

/*
 * The program is unloaded, and what was made of it forgotten. Only where it took the place of
 * something the world is made anew, which takes as long as all the rest.
 */
static void restore_world(uint64_t before)
{
	struct images *images = symbols_images(world);

	for (size_t i = 0; i < images->n_live;)
		if (images->live[i]->program)
			images_end(images, images->live[i]->start, 1);
		else
			i++;
	symbols_refresh(world);
	if (fingerprint() != before)
		close_world();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t before;
	const unsigned int all = BPF_PROGRAM_LINES | BPF_PROGRAM_CODE | BPF_PROGRAM_INSNS;
	struct input input = {data, size};
	uint8_t options = input_byte(&input);
	struct kernel_program told;
	struct bpf_program *program;
	struct snapshot snapshot;

	if (!world) {
		world = make_world_with_runs(location_text_render, path_text_render);
		before = fingerprint();
	}
	take_program(&input, &told);
	kernel_load(&told);
	select_targets();
	kernel_load(&told);
	code_learn_program(&world->code, KERNEL_PROGRAM_ID, 1, options & 4);
	kernel_load(&told);
	if (bpf_program_read(KERNEL_PROGRAM_ID, all, &program) == 0) {
		ask_lines(program);
		dump_program(world, program, options);
		take_snapshot(&input, program, &snapshot);
		follow_paths(world, &snapshot, program, options & 8);
		bpf_program_unref(program);
	}
	kernel_load(NULL);
	restore_world(before);
	return 0;
}
