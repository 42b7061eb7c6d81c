/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with a condition in a condition, a loop, a subprogram and a helper, as machine code,
 * and what the CPU records of it; its path at every depth of the record, and on doubtful records.
 */
#include <stdarg.h>

#include "daemon/symbol/branch-types.h"
#include "daemon/symbol/images.h"
#include "daemon/symbol/path.h"
#include "daemon/symbol/symbols-internal.h"
#include "tests/unit/symbol/world.h"

#define MAIN 0xffffffffc0100000ull
#define SUB (MAIN + 0x40)
#define NOWHERE 0xffffffffd0000000ull /* no code is known there: the helper, and the caller */
#define TRAMPOLINE 0xffffffffc0200000ull

static const unsigned char main_code[] = {
	0x0f, 0x1f, 0x44, 0x00, 0x00, /* 00 nop, or a call of the trampoline */
	0x48, 0x85, 0xff, /*             05 test %rdi, %rdi */
	0x74, 0x0a, /*                   08 je 14 */
	0x48, 0x83, 0xff, 0x02, /*       0a cmp $2, %rdi */
	0x74, 0x09, /*                   0e je 19 */
	0x31, 0xc0, /*                   10 xor %eax, %eax */
	0xeb, 0x07, /*                   12 jmp 1b */
	0xb8, 0x03, 0x00, 0x00, 0x00, /* 14 mov $3, %eax */
	0xff, 0xc0, /*                   19 inc %eax */
	0xff, 0xc8, /*                   1b dec %eax */
	0x75, 0xfc, /*                   1d jne 1b */
	0xe8, 0x1c, 0x00, 0x00, 0x00, /* 1f call 40 */
	0xe8, 0xd7, 0xff, 0xef, 0x0f, /* 24 call NOWHERE */
	0xc3, /*                         29 ret */
};

static const unsigned char sub_code[] = {
	0x48, 0x89, 0xf8, /* 40 mov %rdi, %rax */
	0xc3, /*             43 ret */
};

static const struct {
	uint64_t offset;
	uint32_t line;
} lines[] = {
	{ 0x00, 10 }, { 0x05, 11 }, { 0x0a, 12 }, { 0x10, 13 }, { 0x14, 14 },
	{ 0x1b, 15 }, { 0x1f, 16 }, { 0x29, 17 }, { 0x40, 20 }, { 0x43, 21 },
};

/* ---- the program ---- */

static struct bpf_program *make_program(void)
{
	static const char strings[] = "\0dir/file.c\0\t text ";
	size_t n = sizeof(lines) / sizeof(lines[0]), size = sizeof(main_code) + sizeof(sub_code);
	struct bpf_program *program = calloc(1, sizeof(*program));

	*program = (struct bpf_program){
		.refs = 1,
		.id = 7,
		.n_functions = 2,
		.functions = calloc(2, sizeof(*program->functions)),
		.lines_state = LINES_READ,
		.n_lines = n,
		.lines = calloc(n, sizeof(*program->lines)),
		.strings = memcpy(malloc(sizeof(strings)), strings, sizeof(strings)),
		.code_state = CODE_READ,
		.code = calloc(1, sizeof(*program->code) + size),
	};
	program->functions[0] = (struct bpf_function){
		.start = MAIN, .end = MAIN + sizeof(main_code), .name = strdup("main"),
	};
	program->functions[1] = (struct bpf_function){
		.start = SUB, .end = SUB + sizeof(sub_code), .code = sizeof(main_code),
		.name = strdup("sub"),
	};
	for (size_t i = 0; i < n; i++)
		program->lines[i] = (struct bpf_line){
			.address = MAIN + lines[i].offset, .file = 1, .text = 12,
			.line = lines[i].line,
		};
	program->code->refs = 1;
	program->code->size = size;
	memcpy(program->code->bytes, main_code, sizeof(main_code));
	memcpy(program->code->bytes + sizeof(main_code), sub_code, sizeof(sub_code));
	return program;
}

static void load(struct symbols *symbols)
{
	struct images *images = symbols_images(symbols);
	struct bpf_program *program = make_program();

	for (size_t i = 0; i < 2; i++) {
		struct image_news news = {
			.start = program->functions[i].start,
			.length = program->functions[i].end - program->functions[i].start,
			.name = "bpf_prog_7", .module = "bpf", .time = 1,
		};
		struct image *image;

		CHECK_EQ(images_add(images, &news, &image), 0);
		image->kind = LOCATION_BPF_PROGRAM;
		CHECK_EQ(images_bind(images, image, program, i), 0);
	}
	CHECK_EQ(images_add(images, &(struct image_news){
		.start = TRAMPOLINE, .length = 0x100, .name = "bpf_trampoline_1", .module = "bpf",
		.time = 1 }, NULL), 0);
	bpf_program_unref(program);
}

/* ---- paths as text ---- */

struct text {
	size_t length;
	char data[8192];
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text->length += vsnprintf(text->data + text->length, sizeof(text->data) - text->length,
				  format, arguments);
	va_end(arguments);
	CHECK(text->length < sizeof(text->data));
}

/* "05 08+" of instructions, "11+" of lines; + taken, - not taken. */
static size_t render(const struct path_run *run, enum path_detail detail, char *buffer,
		size_t size)
{
	struct text text = {};

	for (size_t i = 0; i < run->n_instructions; i++) {
		const struct path_instruction *instruction = &run->instructions[i];
		const struct path_line *line = &run->lines[instruction->line];
		const char *mark = instruction->decision == PATH_TAKEN ? "+" :
				   instruction->decision == PATH_NOT_TAKEN ? "-" : "";

		if (detail == PATH_INSTRUCTIONS)
			put(&text, "%s%02x", i ? " " : "", (int)(instruction->decoded.address - MAIN));
		else if (line->first == i)
			put(&text, "%s%u", i ? " " : "", line->line);
		put(&text, "%s", mark);
	}
	memcpy(buffer, text.data, text.length < size ? text.length : size);
	return text.length;
}

static void put_path(struct text *text, const struct path *path)
{
	static const char *const gaps[] = {
		"", "truncated", "trimmed", "interrupt", "noCode", "changed", "broken", "tooLong",
	};
	static const char ends[] = "?cjCRi";

	text->length = 0;
	text->data[0] = '\0';
	for (uint32_t i = 0; i < path->n_steps; i++) {
		const struct path_step *step = &path->steps[i];

		put(text, "%s%d:", i ? " | " : "", step->depth);
		if (step->gap)
			put(text, "%s", gaps[step->gap]);
		else
			put(text, "%.*s %c", (int)step->text_length, step->text, ends[step->end]);
	}
}

struct hop {
	uint64_t from, to;
	uint8_t type;
};

static void fill(struct snapshot *snapshot, const struct hop *hops, size_t n)
{
	*snapshot = (struct snapshot){ .timestamp = 1000, .n_branches = n };
	for (size_t i = 0; i < n; i++)
		snapshot->branches[n - 1 - i] = (struct branch){
			.from = hops[i].from, .to = hops[i].to, .type = hops[i].type,
		};
}

static void try_path(struct symbols *symbols, const struct hop *hops, size_t n,
		enum path_detail detail, const char *expected)
{
	static const struct target target = {
		.kind = TARGET_PROGRAM, .start = MAIN, .end = MAIN + sizeof(main_code),
	};
	struct snapshot snapshot;
	struct text text;
	struct path path;
	struct rows rows;

	fill(&snapshot, hops, n);
	rows_build(symbols, &snapshot, &target, false, &rows);
	path_build(symbols, &snapshot, &target, &rows, detail, &path);
	put_path(&text, &path);
	CHECK_STR(text.data, expected);
}

#define TRY(symbols, detail, expected, ...) \
	try_path(symbols, (struct hop[]){ __VA_ARGS__ }, \
		 sizeof((struct hop[]){ __VA_ARGS__ }) / sizeof(struct hop), detail, expected)

/* ---- the stories ---- */

static const struct hop story[] = {
	{ NOWHERE + 0x500, MAIN },
	{ MAIN + 0x08, MAIN + 0x14 },
	{ MAIN + 0x1d, MAIN + 0x1b },
	{ MAIN + 0x1d, MAIN + 0x1b },
	{ MAIN + 0x1f, SUB },
	{ SUB + 3, MAIN + 0x24 },
	{ MAIN + 0x24, NOWHERE },
	{ NOWHERE + 0x10, MAIN + 0x29 },
	{ MAIN + 0x29, NOWHERE + 0x600 },
};

/* At every depth of the record: what is told is told rightly, what is cut off is said to be. */
static void try_depths(struct symbols *symbols)
{
	static const char *const instructions[] = {
		"0:truncated | 0:29 R",
		"1:truncated | 1:noCode | 0:29 R",
		"0:truncated | 0:24 C | 1:noCode | 0:29 R",
		"1:truncated | 1:43 R | 0:24 C | 1:noCode | 0:29 R",
		"0:truncated | 0:1f C | 1:40 43 R | 0:24 C | 1:noCode | 0:29 R",
		"0:truncated | 0:1d+ c | 0:1b 1d- 1f C | 1:40 43 R | 0:24 C | 1:noCode | 0:29 R",
		"0:truncated | 0:1d+ c | 0:1b 1d+ c | 0:1b 1d- 1f C | 1:40 43 R | 0:24 C | "
		"1:noCode | 0:29 R",
		"0:truncated | 0:08+ c | 0:14 19 1b 1d+ c | 0:1b 1d+ c | 0:1b 1d- 1f C | "
		"1:40 43 R | 0:24 C | 1:noCode | 0:29 R",
		"0:noCode | 1:00 05 08+ c | 1:14 19 1b 1d+ c | 1:1b 1d+ c | 1:1b 1d- 1f C | "
		"2:40 43 R | 1:24 C | 2:noCode | 1:29 R",
	};
	size_t n = sizeof(story) / sizeof(story[0]);

	for (size_t depth = 1; depth <= n; depth++) {
		fprintf(stderr, "depth %zu\n", depth);
		try_path(symbols, story + n - depth, depth, PATH_INSTRUCTIONS,
			 instructions[depth - 1]);
	}
	try_path(symbols, story, n, PATH_SOURCE,
		 "0:noCode | 1:10 11+ c | 1:14 15+ c | 1:15+ c | 1:15- 16 C | 2:20 21 R | "
		 "1:16 C | 2:noCode | 1:17 R");
}

/* Conditions within conditions, taken and not. */
static void try_conditions(struct symbols *symbols)
{
	TRY(symbols, PATH_SOURCE, "0:noCode | 1:10 11- 12+ c | 1:14 15- 16 C",
	    { NOWHERE, MAIN }, { MAIN + 0x0e, MAIN + 0x19 }, { MAIN + 0x1f, SUB });
	TRY(symbols, PATH_INSTRUCTIONS, "0:noCode | 1:00 05 08- 0a 0e- 10 12 j | 1:1b 1d- 1f C",
	    { NOWHERE, MAIN }, { MAIN + 0x12, MAIN + 0x1b }, { MAIN + 0x1f, SUB });
}

/* What the code does not bear out is a gap, each time with its reason, and the rest goes on. */
static void try_gaps(struct symbols *symbols)
{
	const char *broken = "0:truncated | 0:08+ c | 0:broken | 0:29 R";
	const char *changed = "0:truncated | 0:08+ c | 0:changed | 0:29 R";

	/* Backwards; past a jump; past a call; past the end of the function. */
	TRY(symbols, PATH_INSTRUCTIONS, broken,
	    { MAIN + 0x08, MAIN + 0x14 }, { MAIN + 0x10, MAIN + 0x29 }, { MAIN + 0x29, NOWHERE });
	TRY(symbols, PATH_INSTRUCTIONS,
	    "0:truncated | 0:1d+ c | 0:broken",
	    { MAIN + 0x1d, MAIN + 0x1b }, { MAIN + 0x29, NOWHERE });
	TRY(symbols, PATH_INSTRUCTIONS,
	    "0:truncated | 0:1d+ c | 0:broken",
	    { MAIN + 0x1d, MAIN + 0x1b }, { SUB + 3, MAIN + 0x24 });
	/* It leaves from the middle of an instruction; from none that leaves; elsewhere. */
	TRY(symbols, PATH_INSTRUCTIONS, changed,
	    { MAIN + 0x08, MAIN + 0x14 }, { MAIN + 0x1a, MAIN + 0x29 }, { MAIN + 0x29, NOWHERE });
	TRY(symbols, PATH_INSTRUCTIONS, changed,
	    { MAIN + 0x08, MAIN + 0x14 }, { MAIN + 0x19, MAIN + 0x29 }, { MAIN + 0x29, NOWHERE });
	TRY(symbols, PATH_INSTRUCTIONS, changed,
	    { MAIN + 0x08, MAIN + 0x14 }, { MAIN + 0x1d, MAIN + 0x29 }, { MAIN + 0x29, NOWHERE });
}

/* What an interrupt leaves has not been executed, and is when it comes back. */
static void try_interrupts(struct symbols *symbols)
{
	TRY(symbols, PATH_INSTRUCTIONS,
	    "0:truncated | 0:08+ c | 0:14 i | 0:interrupt | 1:noCode | 0:19 1b 1d- 1f C",
	    { MAIN + 0x08, MAIN + 0x14 }, { MAIN + 0x19, NOWHERE, BRANCH_TYPE_INTERRUPT },
	    { NOWHERE + 8, MAIN + 0x19, BRANCH_TYPE_EXCEPTION_RETURN }, { MAIN + 0x1f, SUB });
	/* On a conditional branch: its decision falls behind the interrupt. */
	TRY(symbols, PATH_INSTRUCTIONS,
	    "0:truncated | 0:1d+ c | 0:1b i | 0:interrupt | 1:noCode | 0:1d- 1f C",
	    { MAIN + 0x1d, MAIN + 0x1b }, { MAIN + 0x1d, NOWHERE, BRANCH_TYPE_INTERRUPT },
	    { NOWHERE + 8, MAIN + 0x1d, BRANCH_TYPE_EXCEPTION_RETURN }, { MAIN + 0x1f, SUB });
	/* Before the first instruction of a run there is nothing to tell. */
	TRY(symbols, PATH_INSTRUCTIONS,
	    "0:truncated | 0:1d+ c | 0:interrupt | 1:noCode | 0:1b 1d- 1f C",
	    { MAIN + 0x1d, MAIN + 0x1b }, { MAIN + 0x1b, NOWHERE, BRANCH_TYPE_INTERRUPT },
	    { NOWHERE + 8, MAIN + 0x1b, BRANCH_TYPE_EXCEPTION_RETURN }, { MAIN + 0x1f, SUB });
}

/* The trampoline's entry half stands in a gap; the patched call before it was executed. */
static void try_trimmed(struct symbols *symbols)
{
	TRY(symbols, PATH_INSTRUCTIONS,
	    "0:noCode | 1:00 C | 1:trimmed | 1:05 08- 0a 0e- 10 12 j | 1:1b 1d- 1f C | 2:40 43 R",
	    { NOWHERE, MAIN }, { MAIN, TRAMPOLINE }, { TRAMPOLINE + 0x20, MAIN + 5 },
	    { MAIN + 0x12, MAIN + 0x1b }, { MAIN + 0x1f, SUB }, { SUB + 3, MAIN + 0x24 });
	/* Cut off in the middle of it, the target's own story is whole. */
	TRY(symbols, PATH_INSTRUCTIONS, "0:trimmed | 0:05 08+ c | 0:14 19 1b 1d- 1f C",
	    { TRAMPOLINE + 0x20, MAIN + 5 }, { MAIN + 8, MAIN + 0x14 }, { MAIN + 0x1f, SUB });
}

/* Places that are patched while the code runs, read in the other state; and the bound. */
static void try_patches(void)
{
	unsigned char called[sizeof(main_code)];
	const struct path_code code = { MAIN, MAIN + sizeof(main_code), main_code };
	const struct path_code patched = { MAIN, MAIN + sizeof(called), called };
	struct path_span span = { .from = MAIN, .to = MAIN, .next = TRAMPOLINE, .function = MAIN };
	struct disassembler *disassembler;
	struct path_run run = {};

	memcpy(called, main_code, sizeof(called));
	called[0] = 0xe8;
	CHECK_EQ(disassembler_new(SYNTAX_ATT, &disassembler), 0);

	/* Read as a nop, run as a call. */
	CHECK_EQ(path_run_decode(disassembler, &code, &span, 64, &run), 0);
	CHECK_EQ(run.end, PATH_END_CALL);
	CHECK(run.patched);
	CHECK_EQ(run.instructions[0].decoded.target, TRAMPOLINE);
	/* Read as a call of somewhere else. */
	CHECK_EQ(path_run_decode(disassembler, &patched, &span, 64, &run), 0);
	CHECK_EQ(run.instructions[0].decoded.target, TRAMPOLINE);
	/* Read as a call, run as a nop. */
	span.to = MAIN + 8;
	span.next = MAIN + 0x14;
	CHECK_EQ(path_run_decode(disassembler, &patched, &span, 64, &run), 0);
	CHECK_EQ(run.n_instructions, 3);
	CHECK_EQ(run.instructions[0].decoded.kind, INSTRUCTION_OTHER);
	CHECK(!run.patched);
	/* Anywhere else a call is a call. */
	span.from = MAIN + 0x1f;
	span.to = MAIN + 0x29;
	CHECK_EQ(path_run_decode(disassembler, &patched, &span, 64, &run), PATH_BROKEN);

	span.from = MAIN;
	span.to = MAIN + 8;
	CHECK_EQ(path_run_decode(disassembler, &code, &span, 3, &run), 0);
	CHECK_EQ(path_run_decode(disassembler, &code, &span, 2, &run), PATH_TOO_LONG);
	path_run_deinit(&run);
	disassembler_free(disassembler);
}

/* Types where the CPU does not say: by the code, as far as that bears them out. */
static void try_types(struct symbols *symbols)
{
	static const struct {
		struct hop hop;
		enum branch_type type;
	} known[] = {
		{ { MAIN + 0x08, MAIN + 0x14 }, BRANCH_TYPE_CONDITIONAL },
		{ { MAIN + 0x12, MAIN + 0x1b }, BRANCH_TYPE_JUMP },
		{ { MAIN + 0x1f, SUB }, BRANCH_TYPE_CALL },
		{ { SUB + 3, MAIN + 0x24 }, BRANCH_TYPE_RETURN },
		{ { MAIN + 0x08, MAIN + 0x19 }, BRANCH_TYPE_UNKNOWN }, /* leads elsewhere */
		{ { MAIN + 0x05, MAIN + 0x19 }, BRANCH_TYPE_UNKNOWN }, /* no branch */
		{ { NOWHERE, MAIN }, BRANCH_TYPE_UNKNOWN }, /* no code */
		{ { MAIN + 0x12, MAIN + 0x1b, BRANCH_TYPE_CALL }, BRANCH_TYPE_CALL }, /* it says */
	};
	const struct location vector = {
		.address = NOWHERE, .kind = LOCATION_INTERRUPT, .symbol = "asm_sysvec_thermal",
	};
	const struct target target = { .kind = TARGET_PROGRAM };

	for (unsigned int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			struct snapshot snapshot;
			struct rows rows;

			fill(&snapshot, &known[i].hop, 1);
			rows_build(symbols, &snapshot, &target, true, &rows);
			CHECK_EQ(rows.n_rows, 1);
			CHECK_EQ(rows.rows[0].branch.type, known[i].type);
			CHECK_EQ(symbols_branch_type(symbols, rows.rows[0].from, &vector, 1000),
				 BRANCH_TYPE_INTERRUPT);
		}
	}
}

/* Nothing that the ring may hold can make a path go out of bounds, or leave it without an end. */
static void try_noise(struct symbols *symbols)
{
	static const uint64_t spots[] = {
		MAIN, MAIN + 4, MAIN + 5, MAIN + 8, MAIN + 0x14, MAIN + 0x1b, MAIN + 0x1d,
		MAIN + 0x1f, MAIN + 0x24, MAIN + 0x29, SUB, SUB + 3, TRAMPOLINE, TRAMPOLINE + 0x20,
		NOWHERE, NOWHERE + 8, 0, UINT64_MAX, 0x401000,
	};
	static const struct target target = {
		.kind = TARGET_PROGRAM, .start = MAIN, .end = MAIN + sizeof(main_code),
	};
	unsigned int seed = 1;

	for (unsigned int round = 0; round < 20000; round++) {
		size_t n = rand_r(&seed) % (SNAPSHOT_MAX_BRANCHES + 1);
		struct hop hops[SNAPSHOT_MAX_BRANCHES];
		struct snapshot snapshot;
		struct path path;
		struct rows rows;

		for (size_t i = 0; i < n; i++)
			hops[i] = (struct hop){
				spots[rand_r(&seed) % (sizeof(spots) / sizeof(spots[0]))],
				spots[rand_r(&seed) % (sizeof(spots) / sizeof(spots[0]))],
				rand_r(&seed) % 14,
			};
		fill(&snapshot, hops, n);
		rows_build(symbols, &snapshot, &target, false, &rows);
		path_build(symbols, &snapshot, &target, &rows, round % 2, &path);
		CHECK(path.n_steps <= PATH_MAX_STEPS);
		CHECK(path.n_steps + 1 >= rows.n_rows || rows.n_rows == 0);
		for (uint32_t i = 0; i < path.n_steps; i++) {
			CHECK(path.steps[i].depth >= 0);
			CHECK(!path.steps[i].gap == !!path.steps[i].text_length);
		}
		if (round % 100 == 0)
			symbols_refresh(symbols);
	}
}

/* The second time nothing is decoded; what is not used gives way. */
static void try_cache(struct symbols *symbols)
{
	struct symbols_description before, after;

	try_depths(symbols);
	symbols_describe(symbols, &before);
	try_depths(symbols);
	symbols_describe(symbols, &after);
	CHECK_EQ(after.run_misses, before.run_misses);
	CHECK(after.run_hits > before.run_hits);
	CHECK_EQ(after.cached_runs, before.cached_runs);
	CHECK(after.cached_runs > 10);

	images_end(symbols_images(symbols), MAIN, 2000);
	images_reap(symbols_images(symbols), 3000, 0);
	images_reap(symbols_images(symbols), 3001, 0);
	symbols_refresh(symbols);
	symbols_describe(symbols, &after);
	CHECK(after.cached_runs < before.cached_runs);
	CHECK(after.run_bytes < before.run_bytes);
}

int main(void)
{
	struct symbols *symbols = make_world_with_runs(NULL, render);

	load(symbols);
	try_depths(symbols);
	try_conditions(symbols);
	try_gaps(symbols);
	try_interrupts(symbols);
	try_types(symbols);
	try_trimmed(symbols);
	try_patches();
	try_noise(symbols);
	try_cache(symbols);
	symbols_free(symbols);
	return 0;
}
