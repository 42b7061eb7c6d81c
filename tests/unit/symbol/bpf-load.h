/* SPDX-License-Identifier: Apache-2.0 */
/* Loads small BPF programs with names and source lines made up on the spot. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>

#include "tests/unit/check.h"

#define MADE_UP_FILE "/src/made-up.bpf.c"
#define MADE_UP_LINE(n) (100 + (n)) /* of instruction n */
#define MADE_UP_COLUMN(n) (7 + (n))
#define N_INSNS 6 /* of both functions of a program */
#define SUBPROGRAM_AT 4

struct loaded {
	int fd;
	uint32_t id;
	uint64_t starts[2]; /* of the entry function and of the subprogram */
	uint32_t lengths[2];
	uint64_t lines[N_INSNS]; /* the address of each instruction's line */
	uint32_t n_lines;
};

static inline void loaded_describe(struct loaded *loaded)
{
	struct bpf_prog_info info;
	uint32_t size = sizeof(info);

	memset(&info, 0, sizeof(info)); /* the padding, too: the kernel looks at it */
	info.nr_jited_ksyms = 2;
	info.jited_ksyms = (uintptr_t)loaded->starts;
	info.nr_jited_func_lens = 2;
	info.jited_func_lens = (uintptr_t)loaded->lengths;
	info.nr_jited_line_info = N_INSNS;
	info.jited_line_info_rec_size = sizeof(uint64_t);
	info.jited_line_info = (uintptr_t)loaded->lines;
	CHECK_EQ(bpf_obj_get_info_by_fd(loaded->fd, &info, &size), 0);
	loaded->id = info.id;
	loaded->n_lines = info.nr_jited_line_info;
}

/*
 * int NAME(ctx) { r0 = NAME_sub(); return r0; }: negative errno when the kernel refuses it. The
 * BTF object needs not outlive the load. Functions of different names, same code.
 */
static inline int load_program(const char *name, struct loaded *ret)
{
	const struct bpf_insn insns[N_INSNS] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 1 },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 2 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 0, .imm = 3 },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 4 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct btf *btf = btf__new_empty();
	struct bpf_func_info functions[2];
	struct bpf_line_info lines[N_INSNS];
	int integer, prototype, btf_fd, context;
	char sub[128], text[64];

	CHECK(btf != NULL);
	integer = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	context = btf__add_ptr(btf, 0);
	prototype = btf__add_func_proto(btf, integer);
	CHECK_EQ(btf__add_func_param(btf, "argument", context), 0);
	functions[0] = (struct bpf_func_info){
		0, btf__add_func(btf, name, BTF_FUNC_GLOBAL, prototype)
	};
	snprintf(sub, sizeof(sub), "%s_sub", name);
	functions[1] = (struct bpf_func_info){
		SUBPROGRAM_AT, btf__add_func(btf, sub, BTF_FUNC_STATIC, prototype)
	};
	for (int i = 0; i < N_INSNS; i++) {
		snprintf(text, sizeof(text), "\tinstruction(%d);", i);
		lines[i] = (struct bpf_line_info){
			.insn_off = i,
			.file_name_off = btf__add_str(btf, MADE_UP_FILE),
			.line_off = btf__add_str(btf, text),
			.line_col = MADE_UP_LINE(i) << 10 | MADE_UP_COLUMN(i),
		};
	}
	CHECK(functions[0].type_id > 0 && functions[1].type_id > 0);
	btf_fd = btf__load_into_kernel(btf) == 0 ? btf__fd(btf) : -errno;
	if (btf_fd >= 0) {
		LIBBPF_OPTS(bpf_prog_load_opts, options,
			.prog_btf_fd = btf_fd,
			.func_info = functions,
			.func_info_cnt = 2,
			.func_info_rec_size = sizeof(functions[0]),
			.line_info = lines,
			.line_info_cnt = N_INSNS,
			.line_info_rec_size = sizeof(lines[0]));

		ret->fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, name, "GPL", insns, N_INSNS,
					&options);
		btf_fd = ret->fd < 0 ? -errno : 0;
	}
	btf__free(btf);
	if (btf_fd < 0)
		return btf_fd;
	loaded_describe(ret);
	return 0;
}

/* A tracer that does nothing, at the exit of the entry function of `target`. */
static inline int load_tracer(const struct loaded *target, int *ret_program, int *ret_link)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		.expected_attach_type = BPF_TRACE_FEXIT,
		.attach_prog_fd = target->fd,
		.attach_btf_id = 4); /* int, void *, the prototype, the function */

	*ret_program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "do_nothing", "GPL", insns, 2,
				     &options);
	if (*ret_program < 0)
		return -errno;
	*ret_link = bpf_link_create(*ret_program, 0, BPF_TRACE_FEXIT, NULL);
	return *ret_link < 0 ? -errno : 0;
}
