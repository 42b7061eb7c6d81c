// SPDX-License-Identifier: Apache-2.0
/*
 * What all tracers share: the ring buffer, the pool of slots, and the knowledge of the kernel.
 *
 * The rule that must not break: nothing is pinned. Every map, program and link lives by a file
 * descriptor of this process, so that none is left behind however the daemon ends.
 */
#include "daemon/trace/trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/trace/lbr.h"
#include "daemon/trace/trace-internal.h"

DEFINE_CLEANUP(struct trace *, trace_free)

/*
 * A slot is held for about a microsecond and handed out again only after all others were. It is
 * still busy then when its holder was preempted, or its virtual CPU: each turn of the others costs
 * one event as long as that lasts, so there had better be many. A slot has 1,600 bytes.
 */
#define SLOTS_PER_CPU 8
#define SLOTS_MIN 256
/* Times that the CPU is yielded to a tracer that was preempted with its slot in hand. */
#define SLOT_PATIENCE 1000

static int pool_map(struct trace *trace)
{
	void *mapped = mmap(NULL, trace->pool_bytes, PROT_READ, MAP_SHARED, trace->pool_fd, 0);

	if (mapped == MAP_FAILED)
		return -errno;
	trace->pool = mapped;
	return 0;
}

static int pool_init(struct trace *trace)
{
	int cpus = libbpf_num_possible_cpus();
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	if (cpus < 0)
		return cpus;
	trace->n_slots = SLOTS_MIN;
	while (trace->n_slots < (uint32_t)cpus * SLOTS_PER_CPU)
		trace->n_slots *= 2;
	trace->pool_bytes = sizeof(struct lbrd_pool) +
			    (trace->n_slots + 1) * sizeof(struct lbrd_slot);

	trace->pool_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lbrd_pool", sizeof(uint32_t),
			(uint32_t)trace->pool_bytes, 1, &options);
	return trace->pool_fd < 0 ? -errno : pool_map(trace);
}

/* Takes over the descriptor, also when it fails. */
static int pool_adopt(struct trace *trace, int fd, uint32_t bytes)
{
	size_t slots = (bytes - sizeof(struct lbrd_pool)) / sizeof(struct lbrd_slot);

	trace->pool_fd = fd;
	if (bytes != sizeof(struct lbrd_pool) + slots * sizeof(struct lbrd_slot) || slots < 2 ||
	    ((slots - 1) & (slots - 2)))
		return -EBADMSG;
	trace->n_slots = (uint32_t)slots - 1;
	trace->pool_bytes = bytes;
	return pool_map(trace);
}

/* Entries that a record must have room for; the deepest possible branch stack when in doubt. */
static uint32_t record_depth(void)
{
	uint32_t depth = lbr_depth(NULL);

	if (!depth || depth > LBRD_MAX_BRANCHES)
		return LBRD_MAX_BRANCHES;
	return (depth + LBRD_DEPTH_STEP - 1) / LBRD_DEPTH_STEP * LBRD_DEPTH_STEP;
}

/*
 * The tracers compare thread group ids of the initial pid namespace, getpid() gives that of ours.
 * Only a BPF program can tell; without its answer (BPF_PROG_TEST_RUN refused) getpid() must do.
 */
static uint32_t own_pid_of_initial_namespace(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid },
		{ .code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = 32 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "lbrd_pid", "GPL",
			insns, ARRAY_SIZE(insns), NULL);

	if (fd < 0 || bpf_prog_test_run_opts(fd, &run))
		return (uint32_t)getpid();
	return run.retval;
}

/*
 * Waits for the tracers that are on their way: the kernel detaches without. A slot that is seen
 * free, or busy no more after a while, is not held by an event from before.
 */
void trace_wait_for_slots(const struct trace *trace)
{
	unsigned int patience = SLOT_PATIENCE;

	for (uint32_t i = 1; i <= trace->n_slots; i++)
		while (__atomic_load_n(&trace->pool->slots[i].busy, __ATOMIC_ACQUIRE) && patience) {
			patience--;
			sched_yield();
		}
}

static void on_unlinked(void *userdata)
{
	trace_wait_for_slots(userdata);
}

/* All tracers share one ring and one pool: the first one that is seen must be everybody's. */
static int adopt_maps(struct trace *trace, struct legacy_maps *maps, struct legacy_maps *first,
		uint64_t position)
{
	int r = 0;

	if (trace->ring.fd < 0) {
		first->ring_id = maps->ring_id;
		r = ring_adopt(&trace->ring, TAKE_FD(maps->ring_fd), maps->ring_bytes, position);
	}
	if (!r && trace->pool_fd < 0 && maps->pool_fd >= 0) {
		first->pool_id = maps->pool_id;
		r = pool_adopt(trace, TAKE_FD(maps->pool_fd), maps->pool_bytes);
	}
	if (r)
		return r;
	return maps->ring_id == first->ring_id &&
			       (!maps->pool_id || maps->pool_id == first->pool_id) ?
		       0 :
		       -EBADMSG;
}

static int adopt_all(struct trace *trace, const struct heritage *heritage)
{
	struct legacy_maps first = {}, maps;

	trace->last_number = heritage->last_number;
	for (size_t i = 0; i < heritage->n_tracers; i++) {
		const struct legacy *legacy = &heritage->tracers[i];
		int r = legacy_open(legacy, &maps);

		if (!r)
			r = adopt_maps(trace, &maps, &first, heritage->position);
		if (!r)
			r = tracer_adopt(trace, legacy, &maps);
		legacy_maps_deinit(&maps);
		if (r)
			return r;
	}
	return 0;
}

int trace_new(const struct trace_config *config, struct trace **ret)
{
	_cleanup_(trace_free_p) struct trace *trace = calloc(1, sizeof(*trace));
	int r;

	if (!trace)
		return -ENOMEM;
	trace->config = *config;
	trace->pool_fd = -1;
	trace->ring.fd = -1;
	TAILQ_INIT(&trace->tracers);

	r = unlinker_new(on_unlinked, trace, &trace->unlinker);
	if (r)
		return r;
	trace->depth = record_depth();
	trace->own_pid = own_pid_of_initial_namespace();
	r = config->heritage ? adopt_all(trace, config->heritage) : 0;
	if (!r && trace->ring.fd < 0)
		r = ring_init(&trace->ring, config->ring_bytes);
	if (!r && trace->pool_fd < 0)
		r = pool_init(trace);
	if (r)
		return r;
	*ret = TAKE_PTR(trace);
	return 0;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	while (!TAILQ_EMPTY(&trace->tracers))
		tracer_unload(TAILQ_FIRST(&trace->tracers));
	unlinker_free(trace->unlinker);
	if (trace->pool)
		munmap((void *)trace->pool, trace->pool_bytes);
	close_fd(trace->pool_fd);
	ring_deinit(&trace->ring);
	free(trace);
}

/*
 * Type 1 is no function, which the verifier says in its log once the program got so far. A kernel
 * that refuses tracing programs, or has no BTF, never gets there.
 */
int trace_probe(struct trace *trace)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char log[512] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		.expected_attach_type = BPF_TRACE_FEXIT,
		.attach_btf_id = 1,
		.log_buf = log,
		.log_size = sizeof(log),
		.log_level = 1);
	_cleanup_close_ int fd = -1;

	if (trace->probed)
		return 0;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "lbrd_probe", "GPL", insns, ARRAY_SIZE(insns),
			&options);
	if (fd < 0 && !strstr(log, "attach_btf_id"))
		return -errno;
	trace->probed = true;
	return 0;
}

bool trace_has_snapshot_helper(struct trace *trace)
{
	int r;

	if (trace->asked_for_helper)
		return trace->has_helper;
	/* libbpf cannot probe tracing programs; the helper is the same for all program types. */
	r = libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_get_branch_snapshot,
			NULL);
	/* Negative: the kernel could not be asked now, which says nothing of the next time. */
	trace->asked_for_helper = r >= 0;
	trace->has_helper = r == 1;
	return trace->has_helper;
}

int trace_ring_fd(const struct trace *trace)
{
	return trace->ring.fd;
}

size_t trace_drain(struct trace *trace, size_t max)
{
	size_t n = ring_drain(&trace->ring, max, trace->config.record, trace->config.userdata);

	trace->records += n;
	return n;
}

uint64_t trace_position(const struct trace *trace)
{
	return trace->ring.position;
}

uint64_t trace_end(const struct trace *trace)
{
	return trace->ring.position + ring_used(&trace->ring);
}

void trace_release(struct trace *trace)
{
	ring_release(&trace->ring);
}

size_t trace_unreleased(const struct trace *trace)
{
	return trace->ring.position - *trace->ring.consumer;
}

uint32_t trace_last_number(const struct trace *trace)
{
	return trace->last_number;
}

void trace_describe(const struct trace *trace, struct trace_description *ret)
{
	*ret = (struct trace_description){
		.n_tracers = trace->n_tracers,
		.ring_bytes = trace->ring.bytes,
		.ring_used = ring_used(&trace->ring),
		.records = trace->records,
	};
}

int trace_detached_fd(const struct trace *trace)
{
	return unlinker_fd(trace->unlinker);
}

void trace_hear_detached(struct trace *trace)
{
	unlinker_hear(trace->unlinker);
}

void trace_wait_detached(struct trace *trace)
{
	unlinker_wait_all(trace->unlinker);
}
