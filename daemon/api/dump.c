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
#include "daemon/api/limits.h"
#include "daemon/api/instruction-text.h"
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
	size_t bytes; /* of code, of all items */

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

	if (!dump)
		return -ENOMEM;
	dump->config = *config;
	dump->disassembler = symbols_disassembler(config->symbols, config->syntax);
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
	free(dump);
}

/* Takes references of its own to what the item refers to. */
static int add_item(struct dump *dump, const struct item *item, size_t bytes)
{
	struct item *grown;

	if (bytes > limit_value(LIMIT_DUMP_BYTES) - dump->bytes)
		return -EFBIG;
	grown = reallocarray(dump->items, dump->n_items + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	dump->items = grown;
	dump->bytes += bytes;
	code_image_ref(item->image);
	bpf_program_ref(item->program);
	grown[dump->n_items++] = *item;
	return 0;
}

int dump_add_image(struct dump *dump, struct code_image *image)
{
	const struct item item = {
		.image = image,
		.program = image->program,
		.function = image->function,
		.end = image->size,
	};

	return add_item(dump, &item, image->size);
}

int dump_add_insns(struct dump *dump, struct bpf_program *program, size_t function)
{
	struct item item = {
		.program = program,
		.function = function,
		.end = program->n_insns,
	};

	if (function < program->n_functions) {
		item.begin = program->functions[function].insn;
		if (function + 1 < program->n_functions)
			item.end = MIN(item.end, program->functions[function + 1].insn);
		item.begin = MIN(item.begin, item.end);
	}
	return add_item(dump, &item, (item.end - item.begin) * sizeof(struct bpf_insn));
}

/* ---- text ---- */

#define MEMBER_INT(w, name, value) (JSON_WRITE_KEY(w, name), json_write_int(w, value))
#define MEMBER_STRING(w, name, value) (JSON_WRITE_KEY(w, name), json_write_cstring(w, value))
#define MEMBER_ADDRESS(w, name, value) (JSON_WRITE_KEY(w, name), json_write_address(w, value))

static const char *function_name(const struct bpf_program *program, size_t function)
{
	const char *name = function < program->n_functions ? program->functions[function].name :
							     NULL;

	return name ? name : "bpf_prog";
}

/* An address in the program itself, which may be gone from the symbols already. */
static bool find_own(const struct bpf_program *program, uint64_t address, struct location *ret)
{
	for (size_t i = 0; program && i < program->n_functions; i++) {
		const struct bpf_function *function = &program->functions[i];

		if (address < function->start || address >= function->end)
			continue;
		*ret = (struct location){
			.address = address,
			.symbol = function_name(program, i),
			.offset = address - function->start,
			.module = "bpf",
		};
		return true;
	}
	return false;
}

/*
 * What stands at `address`, perhaps in `own`; NULL: no address, or nothing is known of it and it
 * is not `sure` to be one.
 */
static const struct location *find_target(struct dump *dump, const struct item *item,
		uint64_t address, bool sure, struct location *own)
{
	const struct location *location;

	if (!address)
		return NULL;
	if (find_own(item->program, address, own))
		return own;
	location = symbols_resolve(dump->config.symbols, address, 0);
	if (location->symbol)
		return location;
	*own = (struct location){ .address = address };
	return sure ? own : NULL;
}

/* Strings of one program are the same pointers. */
static bool same_line(const struct bpf_source *a, const struct bpf_source *b)
{
	return a->file == b->file && a->text == b->text && a->line == b->line &&
	       a->column == b->column;
}

/* True: another line than that of the instruction before. */
static bool take_program_line(struct dump *dump, const struct bpf_source *line,
		struct source_line *ret)
{
	if (same_line(line, &dump->line))
		return false;
	dump->line = *line;
	*ret = (struct source_line){
		.file = line->file, .text = line->text, .line = line->line, .column = line->column,
	};
	return true;
}

/* The line of kernel code: where functions are inlined, that of the innermost one. */
static bool take_kernel_line(struct dump *dump, uint64_t address, struct source_line *ret)
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
		return false;
	dump->frame = frame;
	*ret = (struct source_line){
		.file = frame.file,
		.line = frame.line,
		.column = frame.column,
		.frames = location->frames,
		.n_frames = location->n_frames,
	};
	return true;
}

/* ---- machine code ---- */

static bool take_machine_line(struct dump *dump, const struct item *item, uint64_t address,
		struct source_line *ret)
{
	struct bpf_source line;

	if (!item->program)
		return take_kernel_line(dump, address, ret);
	return bpf_program_find_line(item->program, item->image->start, address, &line) &&
	       take_program_line(dump, &line, ret);
}

/* Writes the instruction at the position and moves behind it. */
static void write_machine(struct dump *dump, const struct item *item, struct json_writer *w)
{
	const struct code_image *image = item->image;
	const unsigned char *bytes = image->bytes + dump->position;
	uint64_t address = image->start + dump->position;
	struct instruction_text text = {
		.address = address,
		.offset = dump->position,
		.hide = dump->config.hide,
	};
	struct instruction decoded;
	struct source_line source;
	struct location own;
	uint32_t map_offset;

	disassembler_decode(dump->disassembler, bytes, image->size - dump->position, address,
			    &decoded);
	text.text = decoded.text;
	text.kind = decoded.kind;
	if (!dump->config.without_bytes) {
		text.bytes = bytes;
		text.n_bytes = decoded.length;
	}
	if (item->program)
		text.map = bpf_map_cursor_next(&dump->maps, &decoded, bytes, &map_offset);
	if (decoded.direct)
		text.target = find_target(dump, item, decoded.target, true, &own);
	else if (!text.map)
		text.target = find_target(dump, item, decoded.reference, false, &own);
	if (!dump->config.without_source && take_machine_line(dump, item, address, &source))
		text.source = &source;
	instruction_text_write(w, &text);
	dump->position += decoded.length;
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

static void write_insn(struct dump *dump, const struct item *item, struct json_writer *w)
{
	const struct bpf_program *program = item->program;
	size_t i = item->begin + dump->position, n;
	const struct bpf_insn *insn = &program->insns[i];
	size_t function = called_function(program, insn);
	struct instruction_text text = {
		.offset = i,
		.map = bpf_insn_map(program, insn),
		.hide = dump->config.hide,
	};
	struct source_line source;
	struct location own;
	struct bpf_source line;
	char words[BPF_TEXT_MAX];

	n = bpf_disassemble(program->insns, program->n_insns, i, callee_name(dump, program, insn),
			    words, sizeof(words));
	text.text = words;
	if (!dump->config.without_bytes) {
		text.bytes = (const unsigned char *)insn;
		text.n_bytes = n * sizeof(*insn);
	}
	text.target = find_target(dump, item,
				  function == SIZE_MAX ? called_address(dump, insn) :
							 program->functions[function].start,
				  false, &own);
	if (!dump->config.without_source && bpf_program_find_insn_line(program, i, &line) &&
	    take_program_line(dump, &line, &source))
		text.source = &source;
	instruction_text_write(w, &text);
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
	if (start && !dump->config.hide)
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
