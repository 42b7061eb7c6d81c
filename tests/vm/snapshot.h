/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's two interfaces to branch records, without any library. */
#pragma once

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROWS 64
#define KERNEL PERF_SAMPLE_BRANCH_KERNEL
#define ANY PERF_SAMPLE_BRANCH_ANY

struct snapshot {
	int64_t bytes;		/* what the helper returned */
	struct perf_branch_entry rows[ROWS];
};
static struct snapshot *snap;

static int program;

static inline int sys_bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* A program that stores a snapshot in the one element of a mapped array. */
static int load_program(void)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .max_entries = 1,
			       .value_size = sizeof(*snap), .map_flags = BPF_F_MMAPABLE };
	int fd = sys_bpf(BPF_MAP_CREATE, &map);
	struct bpf_insn code[] = {
		{ .code = 0x18, .dst_reg = 6, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = fd }, { 0 },
		{ .code = 0xbf, .dst_reg = 1, .src_reg = 6 },
		{ .code = 0x07, .dst_reg = 1, .imm = offsetof(struct snapshot, rows) },
		{ .code = 0xb7, .dst_reg = 2, .imm = sizeof(snap->rows) },
		{ .code = 0xb7, .dst_reg = 3, .imm = 0 },
		{ .code = 0x85, .imm = BPF_FUNC_get_branch_snapshot },
		{ .code = 0x7b, .dst_reg = 6, .src_reg = 0 },
		{ .code = 0xb7, .dst_reg = 0, .imm = 0 },
		{ .code = 0x95 },
	};
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
				.insn_cnt = sizeof(code) / sizeof(code[0]),
				.insns = (uintptr_t)code, .license = (uintptr_t)"GPL" };

	program = sys_bpf(BPF_PROG_LOAD, &load);
	snap = mmap(NULL, sizeof(*snap), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return program < 0 || snap == MAP_FAILED ? -1 : 0;
}

/* The number of rows of a snapshot taken on the CPU, or the helper's negative errno. */
static int snapshot(int cpu)
{
	union bpf_attr run = { .test = { .prog_fd = program, .flags = BPF_F_TEST_RUN_ON_CPU,
					 .cpu = cpu } };

	memset(snap, 0, sizeof(*snap));
	if (sys_bpf(BPF_PROG_TEST_RUN, &run) < 0)
		return -errno;
	return snap->bytes < 0 ? (int)snap->bytes : (int)(snap->bytes / sizeof(snap->rows[0]));
}

static int event_open(uint64_t branches, uint64_t period, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.sample_type = PERF_SAMPLE_BRANCH_STACK, .branch_sample_type = branches,
		.sample_period = period,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
