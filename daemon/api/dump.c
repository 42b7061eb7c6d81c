/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that is shown was copied when the dump was asked for: the rule that must not break is
 * that nothing of it depends on whether the program is still there.
 */
#include "daemon/api/dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"
#include "daemon/symbol/bpf-disassembler.h"
#include "daemon/symbol/bpf-maps.h"

/* A function: machine code, or BPF instructions [begin, end) of a program. */
struct item {
	struct code_image *image;
	struct bpf_program *program;
	size_t function;
	size_t begin;
	size_t end;
};

struct dump {
	struct dump_config config;
	struct disassembler *disassembler;
	uint64_t call_base; /* what the numbers of helpers count from; 0: not known */
	struct item *items;
	size_t n_items;

	size_t item; /* the next instruction is of this one, */
	size_t position; /* so far behind its beginning */
	struct bpf_map_cursor maps;
	struct bpf_source line; /* of the instruction before */
	struct location_frame frame;
};

int dump_new(const struct dump_config *config, struct dump **ret)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	uint64_t end;
	int r;

	if (!dump)
		return -ENOMEM;
	dump->config = *config;
	r = disassembler_new(config->syntax, &dump->disassembler);
	if (r < 0) {
		free(dump);
		return r;
	}
	if (symbols_find(config->symbols, "__bpf_call_base", NULL, &dump->call_base, &end) < 0)
		dump->call_base = 0;
	*ret = dump;
	return 0;
}

void dump_free(struct dump *dump)
{
	if (!dump)
		return;
	for (size_t i = 0; i < dump->n_items; i++) {
		code_image_unref(dump->items[i].image);
		bpf_program_unref(dump->items[i].program);
	}
	free(dump->items);
	disassembler_free(dump->disassembler);
	free(dump);
}

static struct item *add_item(struct dump *dump)
{
	struct item *grown = reallocarray(dump->items, dump->n_items + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	dump->items = grown;
	return &grown[dump->n_items++];
}

int dump_add_image(struct dump *dump, struct code_image *image)
{
	struct item *item = add_item(dump);

	if (!item)
		return -ENOMEM;
	*item = (struct item){
		.image = code_image_ref(image),
		.program = bpf_program_ref(image->program),
		.function = image->function,
		.end = image->size,
	};
	return 0;
}

int dump_add_insns(struct dump *dump, struct bpf_program *program, size_t function)
{
	struct item *item = add_item(dump);

	if (!item)
		return -ENOMEM;
	*item = (struct item){
		.program = bpf_program_ref(program),
		.function = function,
		.end = program->n_insns,
	};
	if (function < program->n_functions) {
		item->begin = program->functions[function].insn;
		if (function + 1 < program->n_functions)
			item->end = MIN(item->end, program->functions[function + 1].insn);
		item->begin = MIN(item->begin, item->end);
	}
	return 0;
}

/* ---- text ---- */

#define MEMBER_INT(w, name, value) (JSON_WRITE_KEY(w, name), json_write_int(w, value))
#define MEMBER_STRING(w, name, value) (JSON_WRITE_KEY(w, name), json_write_cstring(w, value))
#define MEMBER_ADDRESS(w, name, value) (JSON_WRITE_KEY(w, name), json_write_address(w, value))

static void write_bytes(struct json_writer *w, const unsigned char *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * INSTRUCTION_MAX_LENGTH + 2];

	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	JSON_WRITE_KEY(w, "bytes");
	json_write_string(w, text, 2 * n);
}

static const char *function_name(const struct bpf_program *program, size_t function)
{
	const char *name = function < program->n_functions ? program->functions[function].name :
							     NULL;

	return name ? name : "bpf_prog";
}

static void write_own_location(struct json_writer *w, const struct bpf_program *program,
		size_t function, uint64_t address)
{
	json_begin_object(w);
	MEMBER_ADDRESS(w, "address", address);
	MEMBER_STRING(w, "symbol", function_name(program, function));
	MEMBER_INT(w, "offset", address - program->functions[function].start);
	MEMBER_STRING(w, "module", "bpf");
	json_end_object(w);
}

/* An address in the program itself, which may be gone from the symbols already. */
static bool write_own_target(struct json_writer *w, const struct bpf_program *program,
		uint64_t address)
{
	for (size_t i = 0; program && i < program->n_functions; i++) {
		if (address < program->functions[i].start || address >= program->functions[i].end)
			continue;
		JSON_WRITE_KEY(w, "target");
		write_own_location(w, program, i, address);
		return true;
	}
	return false;
}

static void write_target(struct dump *dump, const struct item *item, uint64_t address, bool sure,
		struct json_writer *w)
{
	const struct location *location;

	if (!address || write_own_target(w, item->program, address))
		return;
	location = symbols_resolve(dump->config.symbols, address, 0);
	if (!location->symbol && !sure)
		return;
	JSON_WRITE_KEY(w, "target");
	if (location->text_length) {
		json_write_raw(w, location->text, location->text_length);
		return;
	}
	json_begin_object(w);
	MEMBER_ADDRESS(w, "address", address);
	json_end_object(w);
}

static void write_map(struct json_writer *w, const struct bpf_program_map *map)
{
	if (!map)
		return;
	if (map->name[0])
		MEMBER_STRING(w, "map", map->name);
	MEMBER_INT(w, "mapId", map->id);
}

static void write_line(struct json_writer *w, const char *file, uint32_t line, uint32_t column)
{
	MEMBER_STRING(w, "file", file);
	MEMBER_INT(w, "line", line);
	if (column)
		MEMBER_INT(w, "column", column);
}

/* Strings of one program are the same pointers. */
static bool same_line(const struct bpf_source *a, const struct bpf_source *b)
{
	return a->file == b->file && a->text == b->text && a->line == b->line &&
	       a->column == b->column;
}

static void write_program_source(struct dump *dump, const struct bpf_source *line,
		struct json_writer *w)
{
	if (same_line(line, &dump->line))
		return;
	dump->line = *line;
	JSON_WRITE_KEY(w, "source");
	json_begin_object(w);
	write_line(w, line->file, line->line, line->column);
	if (line->text && *line->text)
		MEMBER_STRING(w, "text", line->text);
	json_end_object(w);
}

static void write_inlined(struct json_writer *w, const struct location *location)
{
	JSON_WRITE_KEY(w, "inlined");
	json_begin_array(w);
	for (size_t i = 0; i < location->n_frames; i++) {
		const struct location_frame *frame = &location->frames[i];

		json_begin_object(w);
		MEMBER_STRING(w, "function", frame->function ? frame->function : "?");
		if (frame->file && frame->line)
			write_line(w, frame->file, frame->line, frame->column);
		json_end_object(w);
	}
	json_end_array(w);
}

/* The line of kernel code: where functions are inlined, that of the innermost one. */
static void write_kernel_source(struct dump *dump, uint64_t address, struct json_writer *w)
{
	const struct location *location = symbols_resolve(dump->config.symbols, address, 0);
	struct location_frame frame = {
		.file = location->file,
		.line = location->line,
		.column = location->column,
	};

	if (location->n_frames)
		frame = location->frames[0];
	if (!frame.file || !frame.line ||
	    (frame.file == dump->frame.file && frame.line == dump->frame.line &&
	     frame.column == dump->frame.column && frame.function == dump->frame.function))
		return;
	dump->frame = frame;
	JSON_WRITE_KEY(w, "source");
	json_begin_object(w);
	write_line(w, frame.file, frame.line, frame.column);
	if (location->n_frames)
		write_inlined(w, location);
	json_end_object(w);
}

/* ---- machine code ---- */

static void write_kind(struct json_writer *w, enum instruction_kind kind)
{
	static const char *const names[] = {
		[INSTRUCTION_CONDITIONAL] = "conditional",
		[INSTRUCTION_JUMP] = "jump",
		[INSTRUCTION_INDIRECT_JUMP] = "indirectJump",
		[INSTRUCTION_CALL] = "call",
		[INSTRUCTION_INDIRECT_CALL] = "indirectCall",
		[INSTRUCTION_RETURN] = "return",
		[INSTRUCTION_SYSTEM_CALL] = "systemCall",
		[INSTRUCTION_SYSTEM_RETURN] = "systemReturn",
		[INSTRUCTION_INTERRUPT] = "interrupt",
		[INSTRUCTION_INTERRUPT_RETURN] = "interruptReturn",
		[INSTRUCTION_BAD] = "bad",
	};

	if (names[kind])
		MEMBER_STRING(w, "kind", names[kind]);
}

static void write_machine_source(struct dump *dump, const struct item *item, uint64_t address,
		struct json_writer *w)
{
	struct bpf_source line;

	if (!item->program)
		write_kernel_source(dump, address, w);
	else if (bpf_program_find_line(item->program, item->image->start, address, &line))
		write_program_source(dump, &line, w);
}

/* Writes the instruction at the position and moves behind it. */
static void write_machine(struct dump *dump, const struct item *item, struct json_writer *w)
{
	const struct code_image *image = item->image;
	const unsigned char *bytes = image->bytes + dump->position;
	uint64_t address = image->start + dump->position;
	const struct bpf_program_map *map = NULL;
	struct instruction instruction;
	uint32_t map_offset = 0;

	disassembler_decode(dump->disassembler, bytes, image->size - dump->position, address,
			    &instruction);
	if (item->program)
		map = bpf_map_cursor_next(&dump->maps, &instruction, bytes, &map_offset);
	json_begin_object(w);
	MEMBER_ADDRESS(w, "address", address);
	MEMBER_INT(w, "offset", dump->position);
	if (!dump->config.without_bytes)
		write_bytes(w, bytes, instruction.length);
	MEMBER_STRING(w, "text", instruction.text);
	write_kind(w, instruction.kind);
	if (instruction.direct)
		write_target(dump, item, instruction.target, true, w);
	else if (!map)
		write_target(dump, item, instruction.reference, false, w);
	write_map(w, map);
	if (!dump->config.without_source)
		write_machine_source(dump, item, address, w);
	json_end_object(w);
	dump->position += instruction.length;
}

/* ---- BPF instructions ---- */

/* The function of the program that an instruction calls or points to; SIZE_MAX: none. */
static size_t called_function(const struct bpf_program *program, const struct bpf_insn *insn)
{
	uint32_t index = insn->imm;

	if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg != BPF_PSEUDO_CALL)
		return SIZE_MAX;
	return index < program->n_functions ? index : SIZE_MAX;
}

/* No instruction of its own in what the kernel shows, but a call of the helper's number. */
static bool is_tail_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 &&
	       insn->imm == BPF_FUNC_tail_call;
}

/* Helpers and kernel functions are called by their distance from one address of the kernel. */
static uint64_t called_address(const struct dump *dump, const struct bpf_insn *insn)
{
	if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg == BPF_PSEUDO_CALL ||
	    insn->imm == 0 || is_tail_call(insn))
		return 0;
	return dump->call_base ? dump->call_base + (int64_t)insn->imm : 0;
}

static const char *callee_name(struct dump *dump, const struct bpf_program *program,
		const struct bpf_insn *insn)
{
	size_t function = called_function(program, insn);
	uint64_t address = called_address(dump, insn);
	const struct location *location;

	if (function != SIZE_MAX)
		return program->functions[function].name;
	if (is_tail_call(insn))
		return "bpf_tail_call";
	if (!address)
		return NULL;
	location = symbols_resolve(dump->config.symbols, address, 0);
	return location->offset == 0 ? location->symbol : NULL;
}

static void write_insn_target(struct dump *dump, const struct item *item,
		const struct bpf_insn *insn, struct json_writer *w)
{
	size_t function = called_function(item->program, insn);

	if (function != SIZE_MAX)
		write_target(dump, item, item->program->functions[function].start, false, w);
	else
		write_target(dump, item, called_address(dump, insn), false, w);
}

static void write_insn(struct dump *dump, const struct item *item, struct json_writer *w)
{
	const struct bpf_program *program = item->program;
	size_t i = item->begin + dump->position, n;
	const struct bpf_insn *insn = &program->insns[i];
	struct bpf_source line;
	char text[BPF_TEXT_MAX];

	n = bpf_disassemble(program->insns, program->n_insns, i, callee_name(dump, program, insn),
			    text, sizeof(text));
	json_begin_object(w);
	MEMBER_INT(w, "offset", i);
	if (!dump->config.without_bytes)
		write_bytes(w, (const unsigned char *)insn, n * sizeof(*insn));
	MEMBER_STRING(w, "text", text);
	write_insn_target(dump, item, insn, w);
	write_map(w, bpf_insn_map(program, insn));
	if (!dump->config.without_source && bpf_program_find_insn_line(program, i, &line))
		write_program_source(dump, &line, w);
	json_end_object(w);
	dump->position += n;
}

/* ---- functions ---- */

static void write_header(struct dump *dump, const struct item *item, struct json_writer *w)
{
	const struct bpf_program *program = item->program;
	uint64_t start = item->image ? item->image->start : 0;

	if (program) {
		MEMBER_STRING(w, "name", function_name(program, MIN(item->function,
								    program->n_functions)));
		MEMBER_INT(w, "programId", program->id);
		MEMBER_STRING(w, "module", "bpf");
		if (!start && item->function < program->n_functions)
			start = program->functions[item->function].start;
	} else {
		const struct location *location = symbols_resolve(dump->config.symbols, start, 0);

		MEMBER_STRING(w, "name", location->symbol ? location->symbol : "?");
		if (location->module)
			MEMBER_STRING(w, "module", location->module);
	}
	if (start)
		MEMBER_ADDRESS(w, "address", start);
	MEMBER_INT(w, "size", item->end - item->begin);
	if (dump->position) {
		JSON_WRITE_KEY(w, "continued");
		json_write_bool(w, true);
	}
}

/* Returns how many instructions were written. */
static size_t write_function(struct dump *dump, const struct item *item, size_t max,
		struct json_writer *w)
{
	size_t n = 0;

	if (dump->position == 0) {
		dump->line = (struct bpf_source){};
		dump->frame = (struct location_frame){};
		if (item->image && item->program)
			bpf_map_cursor_init(&dump->maps, item->program, item->function);
	}
	json_begin_object(w);
	write_header(dump, item, w);
	JSON_WRITE_KEY(w, "instructions");
	json_begin_array(w);
	for (; n < max && item->begin + dump->position < item->end; n++)
		if (item->image)
			write_machine(dump, item, w);
		else
			write_insn(dump, item, w);
	json_end_array(w);
	json_end_object(w);
	return n;
}

bool dump_write(struct dump *dump, size_t max, struct json_writer *w)
{
	/* Strings of locations do not outlive a part; a line may then be told twice. */
	dump->frame = (struct location_frame){};
	json_begin_array(w);
	while (dump->item < dump->n_items && max > 0) {
		const struct item *item = &dump->items[dump->item];

		max -= write_function(dump, item, max, w);
		if (item->begin + dump->position < item->end)
			break;
		dump->item++;
		dump->position = 0;
	}
	json_end_array(w);
	return dump->item < dump->n_items;
}
