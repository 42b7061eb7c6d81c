/* SPDX-License-Identifier: Apache-2.0 */
/* Machine code as the kernel's compiler makes it; its constants agree with the instructions. */
#include "tests/doubles/sample.h"

#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

static const uint64_t starts[] = {SAMPLE_MAIN, SAMPLE_SUB};
static const uint32_t lengths[] = {SAMPLE_MAIN_SIZE, SAMPLE_SUB_SIZE};
static const uint32_t maps[] = {12};

static const unsigned char code[SAMPLE_MAIN_SIZE + SAMPLE_SUB_SIZE] = {
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
	0x48, 0xbf, 0x00, 0x10, 0x00, /* 24 movabs $map, %rdi */
	0x00, 0x80, 0x88, 0xff, 0xff,
	0xe8, 0xcd, 0x2f, 0xf0, 0xc0, /* 2e call 0xffffffff81003000 */
	0xc3, /*                         33 ret */
	0x48, 0x89, 0xf8, /* 40 mov %rdi, %rax */
	0xc3, /*             43 ret */
};

static const struct bpf_insn insns[] = {
	{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 1, .off = 3},
	{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1, .off = 5},
	{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = 12},
	{},
	{.code = BPF_JMP | BPF_CALL, .imm = 0x3000},
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
	{.code = BPF_JMP | BPF_EXIT},
	{.code = BPF_ALU64 | BPF_MOV | BPF_X, .src_reg = 1},
	{.code = BPF_JMP | BPF_EXIT},
};

static const struct {
	uint32_t insn, line;
	uint64_t address;
} places[] = {
	{0, 10, SAMPLE_MAIN}, {0, 11, SAMPLE_MAIN + 0x05}, {1, 12, SAMPLE_MAIN + 0x0a},
	{1, 13, SAMPLE_MAIN + 0x10}, {1, 14, SAMPLE_MAIN + 0x14}, {2, 15, SAMPLE_MAIN + 0x1b},
	{4, 16, SAMPLE_MAIN + 0x1f}, {7, 20, SAMPLE_SUB}, {8, 21, SAMPLE_SUB + 3},
};

static struct bpf_func_info functions[2];
static struct bpf_line_info lines[ARRAY_SIZE(places)];
static uint64_t line_addresses[ARRAY_SIZE(places)];

static int add_function(struct btf *btf, const char *name)
{
	int type = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int prototype = btf__add_func_proto(btf, type);

	return btf__add_func(btf, name, BTF_FUNC_GLOBAL, prototype);
}

static void make_types(struct kernel_bytes *ret)
{
	struct btf *btf = btf__new_empty();
	int file = btf__add_str(btf, "dir/sample.bpf.c");
	int text = btf__add_str(btf, "\treturn parse(packet);");
	const void *raw;
	__u32 size;

	functions[0] = (struct bpf_func_info){.type_id = add_function(btf, "filter")};
	functions[1] = (struct bpf_func_info){.insn_off = 7, .type_id = add_function(btf, "parse")};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		lines[i] = (struct bpf_line_info){
			.insn_off = places[i].insn,
			.file_name_off = file,
			.line_off = text,
			.line_col = places[i].line << 10 | 5,
		};
		line_addresses[i] = places[i].address;
	}
	raw = btf__raw_data(btf, &size);
	*ret = (struct kernel_bytes){memcpy(malloc(size), raw, size), size};
	btf__free(btf);
}

const struct kernel_program *sample_program(void)
{
	static struct kernel_program program = {
		.first = {
			.type = BPF_PROG_TYPE_XDP,
			.id = KERNEL_PROGRAM_ID,
			.name = "filter",
			.btf_id = 1,
			.nr_jited_ksyms = ARRAY_SIZE(starts),
			.nr_jited_func_lens = ARRAY_SIZE(lengths),
			.nr_func_info = ARRAY_SIZE(functions),
			.func_info_rec_size = sizeof(functions[0]),
			.nr_line_info = ARRAY_SIZE(lines),
			.line_info_rec_size = sizeof(lines[0]),
			.nr_jited_line_info = ARRAY_SIZE(line_addresses),
			.jited_line_info_rec_size = sizeof(line_addresses[0]),
			.jited_prog_len = sizeof(code),
			.xlated_prog_len = sizeof(insns),
			.nr_map_ids = ARRAY_SIZE(maps),
		},
		.arrays = {
			[KERNEL_STARTS] = {starts, sizeof(starts)},
			[KERNEL_LENGTHS] = {lengths, sizeof(lengths)},
			[KERNEL_FUNCTIONS] = {functions, sizeof(functions)},
			[KERNEL_LINES] = {lines, sizeof(lines)},
			[KERNEL_LINE_ADDRESSES] = {line_addresses, sizeof(line_addresses)},
			[KERNEL_CODE] = {code, sizeof(code)},
			[KERNEL_INSNS] = {insns, sizeof(insns)},
			[KERNEL_MAPS] = {maps, sizeof(maps)},
		},
	};

	if (!program.btf.data) {
		make_types(&program.btf);
		program.later = program.first;
	}
	return &program;
}
