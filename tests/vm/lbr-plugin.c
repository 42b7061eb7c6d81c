// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU TCG plugin: the last branch records of each vCPU, as the hardware of a real machine would
 * keep them. The guest's side is guest/lbr-guest.c, the interface between them lbr-shared.h.
 *
 * A translation block has one branch at most, its last instruction. Each block stores, on its
 * vCPU, that it was entered and, at its last instruction, that this began. At the next block's
 * entry it is thus known whether the previous one was left in the middle (by a fault, or by
 * QEMU, which then resumes it there), and if not, whether its branch was taken.
 *
 * Interrupts and faults show as the entry of a block at one of the IDT's handlers. Where the
 * previous block went is then not where the next one starts: it is the instruction pointer that
 * the CPU has just pushed. This gives the two rows that hardware gives, previous block ->
 * interrupted instruction and interrupted instruction -> handler.
 *
 * Everything per vCPU is touched by this vCPU's thread alone. While a vCPU does not record, only
 * three inline stores per block are executed and no callback.
 *
 * -plugin lbr-plugin.so,shm=FILE[,log=PREFIX][,lie=N]: log each row and snapshot to PREFIX.N
 * (struct log_record); with "lie" each N-th row is wrong, for the test of the test.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "decode.h"
#include "lbr-shared.h"
#include "plugin-log.h"
#include "qemu-plugin.h"

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_VERSION;

#define SHM_SIZE (1 << 20)
#define MAX_VCPUS (SHM_SIZE / LBR_PAGE - 1)

/* Kept for ever: QEMU may still chain to a block's code after it was translated anew. */
struct block {
	uint64_t start, last, end;
	enum lbr_kind kind;
	unsigned int insns;
	int vector;		/* of the IDT handler that starts here; -1: none, -2: unknown */
	uint64_t predicted;	/* where its branch went the last time */
};

struct vcpu {
	/* Written by inline operations, hence whole words. */
	uint64_t enabled;
	uint64_t block;		/* struct block entered last */
	uint64_t ending;	/* its last instruction has begun */

	unsigned int filter, depth;
	uint64_t count;		/* of rows since LBR_ENABLE */
	uint64_t cycles;	/* one per instruction since the last row */
	struct lbr_row ring[LBR_MAX_DEPTH];
	struct qemu_plugin_register *rsp;
	GByteArray *bytes;
	FILE *log;
};

static struct qemu_plugin_scoreboard *vcpus;
static char *shm;
static const char *log_prefix;
static uint64_t lie;
static bool ready;

static struct lbr_machine *machine(void)
{
	return (struct lbr_machine *)shm;
}

static uint64_t read_u64(GByteArray *bytes)
{
	uint64_t value = 0;

	memcpy(&value, bytes->data, bytes->len < sizeof(value) ? bytes->len : sizeof(value));
	return value;
}

static const uint8_t perf_types[] = {
	/* PERF_BR_* of the kernel; LBR_INT has none of its own. */
	[LBR_COND] = 1, [LBR_JMP] = 2, [LBR_IND_JMP] = 3, [LBR_CALL] = 4, [LBR_IND_CALL] = 5,
	[LBR_RET] = 6, [LBR_SYSCALL] = 7, [LBR_SYSRET] = 8, [LBR_IRET] = 11, [LBR_IRQ] = 12,
	[LBR_INT] = 0,
};

static void record(struct vcpu *v, uint64_t from, uint64_t to, enum lbr_kind kind,
		   bool mispredicted)
{
	uint64_t cycles = v->cycles < 0xffff ? v->cycles : 0xffff;
	struct lbr_row *entry;

	if (!(v->filter & (to >> 63 ? LBR_TO_KERNEL : LBR_TO_USER)) || !(v->filter & 1u << kind))
		return;
	if (lie && v->count % lie == lie - 1)
		to += 2;
	entry = &v->ring[v->count++ % v->depth];
	entry->from = from;
	entry->to = to;
	entry->flags = (mispredicted ? 1 : 2) | cycles << 4;
	if (!machine()->untyped)
		entry->flags |= (uint64_t)perf_types[kind] << 20;
	v->cycles = 0;
	if (v->log)
		log_row(v->log, from, to, kind);
}

/* The block has run to its end and execution went on at "to". */
static void finish(struct vcpu *v, struct block *b, uint64_t to)
{
	bool taken = b->kind != LBR_COND || to != b->end;
	bool mispredicted = false;

	if (b->kind == LBR_NONE)
		return;
	/* A simple predictor: as the last time; returns and direct jumps are always right. */
	if (b->kind == LBR_COND || b->kind == LBR_IND_JMP || b->kind == LBR_IND_CALL) {
		mispredicted = to != b->predicted;
		b->predicted = to;
	}
	if (taken)
		record(v, b->last, to, b->kind, mispredicted);
}

static bool vector_has_error_code(int vector)
{
	return vector < 32 && (0x60227d00u >> vector & 1);	/* 8, 10-14, 17, 21, 29, 30 */
}

/* Faults report the instruction that did not complete, all others the one that comes next. */
static bool vector_is_fault(int vector)
{
	return vector < 32 && vector != 1 && vector != 2 && vector != 3 && vector != 4;
}

/* Execution enters the handler h: "previous" ended, or was left, where the CPU's stack says. */
static void interrupt(struct vcpu *v, struct block *previous, struct block *h)
{
	uint64_t at, rip;

	g_byte_array_set_size(v->bytes, 0);
	if (qemu_plugin_read_register(v->rsp, v->bytes) != 8)
		return;
	at = read_u64(v->bytes) + (vector_has_error_code(h->vector) ? 8 : 0);
	if (!qemu_plugin_read_memory_vaddr(at, v->bytes, 8)) {
		fprintf(stderr, "lbr-plugin: cannot read the stack of vector %d\n", h->vector);
		abort();
	}
	rip = read_u64(v->bytes);
	if (v->ending && previous->kind == LBR_INT && rip == previous->end) {
		record(v, previous->last, h->start, LBR_INT, false);
		return;
	}
	if (v->ending && !(vector_is_fault(h->vector) && rip == previous->last))
		finish(v, previous, rip);
	record(v, rip, h->start, LBR_IRQ, false);
}

static int find_vector(uint64_t start)
{
	if (!(start >> 63))
		return -1;
	for (int i = 0; i < LBR_VECTORS; i++)
		if (machine()->handlers[i] == start)
			return i;
	return -1;
}

/* Before the block's own stores: the vCPU still knows the previous block. */
static void on_block(unsigned int vcpu, void *data)
{
	struct vcpu *v = qemu_plugin_scoreboard_find(vcpus, vcpu);
	struct block *b = data, *previous = (struct block *)v->block;

	if (!previous)
		return;
	v->cycles += previous->insns;
	if (b->vector == -2)
		b->vector = find_vector(b->start);
	if (b->vector >= 0)
		interrupt(v, previous, b);
	else if (v->ending)
		finish(v, previous, b->start);
}

static void snapshot(struct vcpu *v, struct lbr_cpu *page)
{
	unsigned int nr = v->count < v->depth ? v->count : v->depth;

	if (!v->enabled) {
		if (!machine()->keep_stale)
			page->nr = 0;
		return;
	}
	for (unsigned int i = 0; i < nr; i++)
		page->entries[i] = v->ring[(v->count - 1 - i) % v->depth];
	page->nr = nr;
	if (v->log)
		log_snapshot(v->log, page->entries, nr);
}

static void on_request(unsigned int vcpu, void *data)
{
	struct vcpu *v = qemu_plugin_scoreboard_find(vcpus, vcpu);
	struct lbr_cpu *page = (struct lbr_cpu *)(shm + (1 + vcpu) * LBR_PAGE);
	unsigned int depth = machine()->depth;

	switch ((enum lbr_request)(uintptr_t)data) {
	case LBR_INIT:
		ready = true;
		break;
	case LBR_ENABLE:
		if (!ready)
			break;
		v->filter = page->filter;
		v->depth = depth && depth <= LBR_MAX_DEPTH ? depth : LBR_MAX_DEPTH;
		v->count = 0;
		v->cycles = 0;
		v->enabled = 1;
		if (v->log)
			log_mark(v->log, LOG_ENABLE);
		break;
	case LBR_DISABLE:
		if (v->enabled && v->log)
			log_mark(v->log, LOG_DISABLE);
		v->enabled = 0;
		break;
	case LBR_SNAPSHOT:
		snapshot(v, page);
		break;
	}
}

static qemu_plugin_u64 field(size_t offset)
{
	return (qemu_plugin_u64){ .score = vcpus, .offset = offset };
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
	struct block *b = calloc(1, sizeof(*b));
	uint8_t bytes[16];
	size_t size;

	(void)id;
	size = qemu_plugin_insn_data(last, bytes, sizeof(bytes));
	b->start = qemu_plugin_tb_vaddr(tb);
	b->last = qemu_plugin_insn_vaddr(last);
	b->end = b->last + qemu_plugin_insn_size(last);
	b->kind = decode_kind(bytes, size);
	b->insns = n;
	b->vector = -2;
	b->predicted = b->end;
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_block, QEMU_PLUGIN_CB_R_REGS,
						  QEMU_PLUGIN_COND_NE,
						  field(offsetof(struct vcpu, enabled)), 0, b);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_STORE_U64,
							  field(offsetof(struct vcpu, block)),
							  (uintptr_t)b);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_STORE_U64,
							  field(offsetof(struct vcpu, ending)), 0);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		unsigned int request;

		size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
		request = decode_request(bytes, size, b->start);
		if (request)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_request,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)request);
	}
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(last, QEMU_PLUGIN_INLINE_STORE_U64,
							    field(offsetof(struct vcpu, ending)),
							    1);
}

static void on_vcpu(qemu_plugin_id_t id, unsigned int vcpu)
{
	struct vcpu *v = qemu_plugin_scoreboard_find(vcpus, vcpu);
	GArray *registers = qemu_plugin_get_registers();

	(void)id;
	if (v->bytes)
		return;
	for (unsigned int i = 0; i < registers->len; i++) {
		qemu_plugin_reg_descriptor *r = &((qemu_plugin_reg_descriptor *)registers->data)[i];

		if (!strcmp(r->name, "rsp"))
			v->rsp = r->handle;
	}
	v->bytes = g_byte_array_new();
	if (log_prefix)
		v->log = log_open_vcpu(log_prefix, vcpu);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	fflush(NULL);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				      char **argv)
{
	const char *path = NULL;
	int fd;

	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "shm=", 4))
			path = argv[i] + 4;
		else if (!strncmp(argv[i], "log=", 4))
			log_prefix = strdup(argv[i] + 4);
		else if (!strncmp(argv[i], "lie=", 4))
			lie = strtoull(argv[i] + 4, NULL, 10);
	}
	fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0 || strcmp(info->target_name, "x86_64") || info->system.max_vcpus > MAX_VCPUS) {
		fprintf(stderr, "lbr-plugin: wants shm=FILE and a small x86_64 machine\n");
		return -1;
	}
	shm = mmap(NULL, SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shm == MAP_FAILED)
		return -1;
	vcpus = qemu_plugin_scoreboard_new(sizeof(struct vcpu));
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
