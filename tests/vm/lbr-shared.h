/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest module and the QEMU plugins agree upon.
 *
 * The guest asks by executing a long nop whose displacement is LBR_MAGIC plus a request: the
 * plugins see it at translation, so it costs other code nothing and takes effect exactly there.
 * Arguments and answers lie in a memory file, in the guest BAR 2 of an ivshmem-plain device:
 * page 0 is struct lbr_machine, page 1 + n is struct lbr_cpu of CPU n.
 */
#pragma once

#define LBR_MAGIC 0x4c425200	/* "LBR" in the upper bytes */

enum lbr_request {
	LBR_INIT = 1,	/* struct lbr_machine is filled in */
	LBR_ENABLE,	/* forget all entries and record on this CPU, as lbr_cpu.filter says */
	LBR_DISABLE,
	LBR_SNAPSHOT,	/* put the entries into lbr_cpu */
};

#define LBR_REQUEST(request) \
	asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" : : "i" (LBR_MAGIC + (request)) : "memory")

/* What ended a block. The order is that of enum lbr_kind's names in the tools. */
enum lbr_kind {
	LBR_NONE,
	LBR_COND,
	LBR_JMP,
	LBR_IND_JMP,
	LBR_CALL,
	LBR_IND_CALL,
	LBR_RET,
	LBR_SYSCALL,
	LBR_SYSRET,
	LBR_IRQ,	/* interrupt, trap or fault: from the instruction it interrupted */
	LBR_IRET,
	LBR_INT,	/* int3 and int n */
};

/* lbr_cpu.filter: 1 << enum lbr_kind, and where the branch ends. */
#define LBR_TO_KERNEL (1u << 30)
#define LBR_TO_USER (1u << 31)

#define LBR_PAGE 4096
#define LBR_MAX_DEPTH 32
#define LBR_VECTORS 256

struct lbr_machine {
	unsigned int depth;
	/* Hardware without a running LBR event gives what its last reading left. */
	unsigned int keep_stale;
	unsigned int untyped; /* before architectural LBR the rows have no type */
	unsigned long long handlers[LBR_VECTORS];
};

/* As struct perf_branch_entry. */
struct lbr_row {
	unsigned long long from, to, flags;
};

struct lbr_cpu {
	unsigned int filter;
	unsigned int nr;
	struct lbr_row entries[LBR_MAX_DEPTH];	/* newest first */
};
