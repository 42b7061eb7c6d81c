/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the arrays of bpf_prog_info to functions and lines. Of the BTF, which may have hundreds of
 * kilobytes, only the strings that the lines name are kept. The rule that must not break: nothing
 * that the kernel filled in is an index or an offset before it was checked.
 */
#include "daemon/symbol/bpf-program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "common/cleanup.h"
#include "common/macro.h"

/* Maps offsets in the strings of the BTF to offsets in those of the program. */
struct string_map {
	uint32_t *offsets; /* sorted, each once */
	uint32_t *places;
	size_t n;
};

static int compare_offsets(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t place_of(const struct string_map *map, uint32_t offset)
{
	const uint32_t *found = bsearch(&offset, map->offsets, map->n, sizeof(offset),
					compare_offsets);

	return found ? map->places[found - map->offsets] : 0;
}

/* Place 0 is the empty string, and stands for everything that is not a string of the BTF. */
static int copy_strings(struct bpf_program *program, struct string_map *map, const struct btf *btf)
{
	size_t n = 0, used = 1;

	qsort(map->offsets, map->n, sizeof(*map->offsets), compare_offsets);
	for (size_t i = 0; i < map->n; i++)
		if (n == 0 || map->offsets[i] != map->offsets[n - 1])
			map->offsets[n++] = map->offsets[i];
	map->n = n;

	for (size_t i = 0; i < n; i++) {
		const char *string = btf__name_by_offset(btf, map->offsets[i]);

		if (string && *string) {
			map->places[i] = used;
			used += strlen(string) + 1;
		}
	}
	program->strings = malloc(used);
	if (!program->strings)
		return -ENOMEM;
	program->strings[0] = '\0';
	for (size_t i = 0; i < n; i++)
		if (map->places[i])
			strcpy(program->strings + map->places[i],
			       btf__name_by_offset(btf, map->offsets[i]));
	program->bytes += used;
	return 0;
}

static int decode_functions(struct bpf_program *program, const struct bpf_prog_info *info,
		const struct bpf_program_arrays *arrays, const struct btf *btf)
{
	size_t n = MIN(info->nr_jited_ksyms, info->nr_jited_func_lens), code = 0;

	n = arrays->starts && arrays->lengths ? MIN(n, (size_t)BPF_PROGRAM_MAX_FUNCTIONS) : 0;
	program->functions = calloc(MAX(n, (size_t)1), sizeof(*program->functions));
	if (!program->functions)
		return -ENOMEM;

	program->n_functions = n;
	for (size_t i = 0; i < n; i++) {
		struct bpf_function *function = &program->functions[i];
		const struct btf_type *type;
		struct bpf_func_info record;
		const char *name;

		function->start = arrays->starts[i];
		function->end = function->start + arrays->lengths[i];
		if (function->end < function->start)
			function->end = function->start;
		function->code = code;
		code += arrays->lengths[i];
		if (!btf || !arrays->functions || i >= info->nr_func_info ||
		    info->func_info_rec_size < sizeof(record))
			continue;
		memcpy(&record, (char *)arrays->functions + i * info->func_info_rec_size,
		       sizeof(record));
		function->insn = record.insn_off;
		type = btf__type_by_id(btf, record.type_id);
		name = type && btf_is_func(type) ? btf__name_by_offset(btf, type->name_off) : NULL;
		if (!name || !*name)
			continue;
		function->name = strdup(name);
		if (!function->name)
			return -ENOMEM;
		program->bytes += strlen(name) + 1;
	}
	program->bytes += n * sizeof(*program->functions);
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	const struct bpf_line *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int keep_strings(struct bpf_program *program, const struct btf *btf)
{
	_cleanup_free_ uint32_t *offsets = NULL, *places = NULL;
	struct string_map map = { .n = 2 * program->n_lines };
	int r;

	map.offsets = offsets = calloc(map.n, sizeof(*offsets));
	map.places = places = calloc(map.n, sizeof(*places));
	if (!offsets || !places)
		return -ENOMEM;
	for (size_t i = 0; i < program->n_lines; i++) {
		offsets[2 * i] = program->lines[i].file;
		offsets[2 * i + 1] = program->lines[i].text;
	}
	r = copy_strings(program, &map, btf);
	if (r < 0)
		return r;
	for (size_t i = 0; i < program->n_lines; i++) {
		program->lines[i].file = place_of(&map, program->lines[i].file);
		program->lines[i].text = place_of(&map, program->lines[i].text);
	}
	return 0;
}

static int compare_insns(const void *a, const void *b, void *userdata)
{
	const struct bpf_line *lines = userdata;
	uint32_t x = lines[*(const uint32_t *)a].insn, y = lines[*(const uint32_t *)b].insn;

	return x < y ? -1 : x > y;
}

static int order_by_insn(struct bpf_program *program)
{
	program->lines_by_insn = calloc(program->n_lines, sizeof(*program->lines_by_insn));
	if (!program->lines_by_insn)
		return -ENOMEM;
	for (size_t i = 0; i < program->n_lines; i++)
		program->lines_by_insn[i] = i;
	qsort_r(program->lines_by_insn, program->n_lines, sizeof(*program->lines_by_insn),
		compare_insns, program->lines);
	program->bytes += program->n_lines * sizeof(*program->lines_by_insn);
	return 0;
}

static int decode_lines(struct bpf_program *program, const struct bpf_prog_info *info,
		const struct bpf_program_arrays *arrays, const struct btf *btf)
{
	bool compiled = arrays->line_addresses && info->nr_jited_line_info &&
			info->jited_line_info_rec_size == sizeof(uint64_t);
	size_t n = info->nr_line_info;
	int r;

	if (compiled)
		n = MIN(n, info->nr_jited_line_info);
	if (!arrays->lines || n == 0 || program->lines || (!compiled && !program->insns) ||
	    info->line_info_rec_size < sizeof(struct bpf_line_info))
		return 0;
	n = MIN(n, (size_t)BPF_PROGRAM_MAX_LINES);
	program->lines = calloc(n, sizeof(*program->lines));
	if (!program->lines)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		struct bpf_line_info record;

		memcpy(&record, (char *)arrays->lines + i * info->line_info_rec_size,
		       sizeof(record));
		program->lines[i] = (struct bpf_line){
			.address = compiled ? arrays->line_addresses[i] : 0,
			.file = record.file_name_off,
			.text = record.line_off,
			.line = BPF_LINE_INFO_LINE_NUM(record.line_col),
			.column = BPF_LINE_INFO_LINE_COL(record.line_col),
			.insn = record.insn_off,
		};
	}
	program->n_lines = n;
	r = keep_strings(program, btf);
	if (r < 0) {
		program->n_lines = 0;
		return r;
	}
	/* The functions of a program lie in memory in any order. */
	qsort(program->lines, n, sizeof(*program->lines), compare_lines);
	program->bytes += n * sizeof(*program->lines);
	return program->insns ? order_by_insn(program) : 0;
}

/* Code that is shorter than its functions is not theirs: they came and went between the calls. */
static void take_code(struct bpf_program *program, const struct bpf_prog_info *info,
		struct bpf_program_arrays *arrays)
{
	size_t size = 0;

	if (!arrays->code || !info->jited_prog_len)
		return;
	for (size_t i = 0; i < program->n_functions; i++)
		size += program->functions[i].end - program->functions[i].start;
	if (info->jited_prog_len != arrays->code->size || size > arrays->code->size)
		return;
	if (program->code)
		program->bytes -= program->code->size;
	bpf_code_unref(program->code);
	program->code = TAKE_PTR(arrays->code);
	program->code_state = CODE_READ;
	program->bytes += program->code->size;
}

static int take_insns(struct bpf_program *program, const struct bpf_prog_info *info,
		struct bpf_program_arrays *arrays)
{
	size_t n_maps = MIN(info->nr_map_ids, BPF_PROGRAM_MAX_MAPS);

	if (!arrays->insns || !info->xlated_prog_len || program->insns)
		return 0;
	if (arrays->maps && n_maps) {
		program->maps = calloc(n_maps, sizeof(*program->maps));
		if (!program->maps)
			return -ENOMEM;
		for (size_t i = 0; i < n_maps; i++)
			program->maps[i].id = arrays->maps[i];
		program->n_maps = n_maps;
	}
	program->insns = TAKE_PTR(arrays->insns);
	program->n_insns = info->xlated_prog_len / sizeof(*program->insns);
	program->bytes += program->n_insns * sizeof(*program->insns);
	return 0;
}

int bpf_program_decode(struct bpf_program *program, const struct bpf_prog_info *info,
		struct bpf_program_arrays *arrays, const struct btf *btf)
{
	int r;

	if (!program->functions) {
		r = decode_functions(program, info, arrays, btf);
		if (r < 0)
			return r;
	}
	take_code(program, info, arrays);
	r = take_insns(program, info, arrays);
	if (r < 0)
		return r;
	return btf ? decode_lines(program, info, arrays, btf) : 0;
}

static bool tell_line(const struct bpf_program *program, const struct bpf_line *line,
		struct bpf_source *ret)
{
	if (line->file == 0 || line->line == 0)
		return false;
	*ret = (struct bpf_source){
		.file = program->strings + line->file,
		.text = program->strings + line->text,
		.line = line->line,
		.column = line->column,
	};
	return true;
}

static const struct bpf_line *line_at(const struct bpf_program *program, uint64_t function_start,
		uint64_t address)
{
	size_t low = 0, high = program->n_lines;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (program->lines[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* The tail of another function is none of this one. */
	if (low == 0 || program->lines[low - 1].address < function_start)
		return NULL;
	return &program->lines[low - 1];
}

bool bpf_program_find_line(const struct bpf_program *program, uint64_t function_start,
		uint64_t address, struct bpf_source *ret)
{
	const struct bpf_line *line = line_at(program, function_start, address);

	return line && tell_line(program, line, ret);
}

bool bpf_program_find_line_start(const struct bpf_program *program, uint64_t function_start,
		uint64_t address, uint64_t *ret_address, size_t *ret_insn)
{
	const struct bpf_line *line = line_at(program, function_start, address);

	if (!line)
		return false;
	*ret_address = line->address;
	*ret_insn = line->insn;
	return true;
}

bool bpf_program_find_insn_line(const struct bpf_program *program, size_t insn,
		struct bpf_source *ret)
{
	size_t low = 0, high = program->lines_by_insn ? program->n_lines : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (program->lines[program->lines_by_insn[middle]].insn <= insn)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	return tell_line(program, &program->lines[program->lines_by_insn[low - 1]], ret);
}
