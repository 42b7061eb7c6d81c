// SPDX-License-Identifier: Apache-2.0
/*
 * One tracer: load, attach, detach, unload, and what it lost.
 *
 * The rule that must not break: one tracer per target, mode and flavour. A second one in the same
 * trampoline would run between the target's return and the other's snapshot.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/trace/code.h"
#include "daemon/trace/kernel-functions.h"
#include "daemon/trace/kernel-words.h"
#include "daemon/trace/own.h"
#include "daemon/trace/programs.h"
#include "daemon/trace/trace-internal.h"

/* Enough for the last words of a verifier that refuses; a longer log is no reason to fail. */
#define LOG_BYTES 65536

struct tracer {
	struct trace *trace;
	TAILQ_ENTRY(tracer) entry;
	struct target target;
	bool without_branches;
	unsigned int n_uses;
	unsigned int n_kept; /* uses that shall outlive this process */
	uint32_t number;
	uint32_t program_id;
	int control_fd;
	int program_fd;
	int link_fd;
	struct unlink_job unlinking;
	struct lbrd_control *control; /* mapped */
};

static void tracer_free(struct tracer *tracer)
{
	if (!tracer)
		return;
	unlinker_wait(tracer->trace->unlinker, &tracer->unlinking);
	close_fd(tracer->link_fd);
	close_fd(tracer->program_fd);
	if (tracer->program_id)
		own_remove(tracer->program_id);
	if (tracer->control)
		munmap(tracer->control, sizeof(*tracer->control));
	close_fd(tracer->control_fd);
	free(tracer);
}

DEFINE_CLEANUP(struct tracer *, tracer_free)

static int control_map(struct tracer *tracer)
{
	void *mapped;

	mapped = mmap(NULL, sizeof(*tracer->control), PROT_READ | PROT_WRITE, MAP_SHARED,
			tracer->control_fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	tracer->control = mapped;
	tracer->control->own_pid = tracer->trace->own_pid;
	return 0;
}

static int control_init(struct tracer *tracer)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	tracer->control_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lbrd_control", sizeof(uint32_t),
			sizeof(struct lbrd_control), 1, &options);
	return tracer->control_fd < 0 ? -errno : control_map(tracer);
}

/* Opens what the kernel wants to know the target by; -1 for the kernel proper. */
static int open_target(const struct target *target, int *ret_fd)
{
	int fd = -1;

	if (target->kind == TARGET_PROGRAM) {
		fd = bpf_prog_get_fd_by_id(target->program_id);
		if (fd < 0)
			return -errno;
	} else if (target->module[0]) {
		fd = kernel_functions_open_module(target->module);
		if (fd < 0)
			return fd;
	}
	*ret_fd = fd;
	return 0;
}

/* The descriptor of the loaded program, or a negative errno. */
static int load_once(const struct tracer *tracer, int target_fd, char *log)
{
	const struct trace *trace = tracer->trace;
	const struct target *target = &tracer->target;
	bool exits = target->mode == TRACE_EXIT, is_program = target->kind == TARGET_PROGRAM;
	const struct code_values values = {
		.pool_fd = trace->pool_fd,
		.control_fd = tracer->control_fd,
		.ring_fd = trace->ring.fd,
		.slot_mask = trace->n_slots - 1,
		.branch_bytes = trace->depth * (uint32_t)sizeof(struct perf_branch_entry),
		.number = tracer->number,
		.reads_return_value = exits && !trace->no_return_value,
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		.expected_attach_type = exits ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY,
		.attach_btf_id = target->btf_id,
		.attach_prog_fd = is_program ? (uint32_t)target_fd : 0,
		.attach_btf_obj_fd = !is_program && target_fd >= 0 ? (uint32_t)target_fd : 0,
		.log_buf = log,
		.log_size = LOG_BYTES);
	_cleanup_free_ struct bpf_insn *insns = NULL;
	size_t n;
	int r;

	r = code_build(!tracer->without_branches, &values, &insns, &n);
	if (r)
		return r;
	r = bpf_prog_load(BPF_PROG_TYPE_TRACING, exits ? "lbrd_exit" : "lbrd_entry",
			"Dual BSD/GPL", insns, n, &options);
	return r < 0 ? -errno : r;
}

static int tracer_load(struct tracer *tracer, char *detail, size_t detail_size)
{
	_cleanup_free_ char *log = calloc(1, LOG_BYTES);
	_cleanup_close_ int target_fd = -1;
	int r;

	if (!log)
		return -ENOMEM;
	r = open_target(&tracer->target, &target_fd);
	if (r)
		return r == -ENOENT ? TARGET_E_GONE :
				      (int)kernel_words_load(&tracer->target, -r, "", detail,
						      detail_size);

	r = load_once(tracer, target_fd, log);
	if (r < 0 && tracer->target.mode == TRACE_EXIT && !tracer->trace->no_return_value &&
	    strstr(log, "bpf_get_func_ret")) {
		tracer->trace->no_return_value = true;
		*log = '\0';
		r = load_once(tracer, target_fd, log);
	}
	if (r < 0)
		return r == -ENOMEM || r == -EBADMSG ?
				r :
				(int)kernel_words_load(&tracer->target, -r, log, detail,
						detail_size);
	tracer->program_fd = r;
	return 0;
}

static int program_id_of(int fd, uint32_t *ret)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	*ret = info.id;
	return 0;
}

static bool same_target(const struct target *a, const struct target *b)
{
	return a->kind == b->kind && a->mode == b->mode && a->program_id == b->program_id &&
	       a->btf_id == b->btf_id && !strcmp(a->module, b->module);
}

static struct tracer *tracer_find(struct trace *trace, const struct target *target,
		bool without_branches)
{
	struct tracer *tracer;

	TAILQ_FOREACH(tracer, &trace->tracers, entry)
		if (tracer->without_branches == without_branches &&
		    same_target(&tracer->target, target))
			return tracer;
	return NULL;
}

static int tracer_new(struct trace *trace, const struct target *target, bool without_branches,
		uint32_t number, struct tracer **ret)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));

	if (!tracer)
		return -ENOMEM;
	*tracer = (struct tracer){
		.trace = trace,
		.target = *target,
		.without_branches = without_branches,
		.number = number,
		.control_fd = -1,
		.program_fd = -1,
		.link_fd = -1,
	};
	*ret = tracer;
	return 0;
}

static int tracer_register(struct tracer *tracer)
{
	int r = program_id_of(tracer->program_fd, &tracer->program_id);

	if (!r)
		r = own_add(tracer->program_id);
	if (r) {
		tracer->program_id = 0;
		return r;
	}
	TAILQ_INSERT_TAIL(&tracer->trace->tracers, tracer, entry);
	tracer->trace->n_tracers++;
	return 0;
}

int tracer_acquire(struct trace *trace, const struct target *target, bool without_branches,
		char *detail, size_t detail_size, struct tracer **ret)
{
	_cleanup_(tracer_free_p) struct tracer *tracer = NULL;
	struct tracer *found;
	int r;

	if (detail_size)
		*detail = '\0';
	found = tracer_find(trace, target, without_branches);
	if (found) {
		/* A link that is still being closed would count as a second tracer. */
		unlinker_wait(trace->unlinker, &found->unlinking);
		found->n_uses++;
		*ret = found;
		return 0;
	}

	r = tracer_new(trace, target, without_branches, ++trace->last_number, &tracer);
	if (!r)
		r = control_init(tracer);
	if (!r)
		r = tracer_load(tracer, detail, detail_size);
	if (!r)
		r = tracer_register(tracer);
	if (r)
		return r;
	tracer->n_uses = 1;
	*ret = TAKE_PTR(tracer);
	return 0;
}

int tracer_adopt(struct trace *trace, const struct legacy *legacy, struct legacy_maps *maps)
{
	_cleanup_(tracer_free_p) struct tracer *tracer = NULL;
	int r;

	r = tracer_new(trace, &legacy->target, legacy->without_branches, legacy->number, &tracer);
	if (r)
		return r;
	tracer->program_fd = TAKE_FD(maps->program_fd);
	tracer->control_fd = TAKE_FD(maps->control_fd);
	tracer->link_fd = fcntl(legacy->link_fd, F_DUPFD_CLOEXEC, 0);
	if (tracer->link_fd < 0)
		return -errno;
	r = control_map(tracer);
	if (!r)
		r = tracer_register(tracer);
	if (!r)
		tracer = NULL;
	return r;
}

int tracer_activate(struct tracer *tracer, char *detail, size_t detail_size)
{
	int fd;

	if (detail_size)
		*detail = '\0';
	if (tracer->link_fd >= 0)
		return 0;
	/* BPF_LINK_CREATE takes fentry and fexit only since 5.19; this way serves all kernels. */
	fd = bpf_raw_tracepoint_open(NULL, tracer->program_fd);
	if (fd < 0)
		return kernel_words_attach(&tracer->target, errno, detail, detail_size);
	tracer->link_fd = fd;
	return 0;
}

void tracer_deactivate(struct tracer *tracer)
{
	struct trace *trace = tracer->trace;

	if (tracer->n_uses > 1 || tracer->link_fd < 0)
		return;
	if (tracer->target.kind == TARGET_FUNCTION) {
		unlinker_close(trace->unlinker, &tracer->unlinking, TAKE_FD(tracer->link_fd));
		return;
	}
	tracer->link_fd = close_fd(tracer->link_fd);
	trace_wait_for_slots(trace);
}

bool tracer_is_detaching(struct tracer *tracer)
{
	return unlinker_is_pending(tracer->trace->unlinker, &tracer->unlinking);
}

void tracer_release(struct tracer *tracer)
{
	if (!--tracer->n_uses)
		tracer_unload(tracer);
}

void tracer_unload(struct tracer *tracer)
{
	TAILQ_REMOVE(&tracer->trace->tracers, tracer, entry);
	tracer->trace->n_tracers--;
	tracer_free(tracer);
}

void trace_forget_unused(struct trace *trace)
{
	struct tracer *tracer, *next;

	for (tracer = TAILQ_FIRST(&trace->tracers); tracer; tracer = next) {
		next = TAILQ_NEXT(tracer, entry);
		if (!tracer->n_uses)
			tracer_unload(tracer);
	}
}

void tracer_kept_name(uint32_t number, char name[KEPT_NAME_MAX])
{
	snprintf(name, KEPT_NAME_MAX, "lbrd-tracer-%" PRIu32, number);
}

int tracer_keep(struct tracer *tracer)
{
	const struct keeper *keeper = tracer->trace->config.keeper;
	char name[KEPT_NAME_MAX];
	int r;

	if (!tracer->n_kept) {
		tracer_kept_name(tracer->number, name);
		r = keeper->keep(name, tracer->link_fd, keeper->userdata);
		if (r < 0)
			return r;
	}
	tracer->n_kept++;
	return 0;
}

void tracer_unkeep(struct tracer *tracer)
{
	const struct keeper *keeper = tracer->trace->config.keeper;
	char name[KEPT_NAME_MAX];

	if (--tracer->n_kept)
		return;
	tracer_kept_name(tracer->number, name);
	keeper->forget(name, keeper->userdata);
}

uint32_t tracer_number(const struct tracer *tracer)
{
	return tracer->number;
}

uint32_t tracer_program_id(const struct tracer *tracer)
{
	return tracer->program_id;
}

unsigned int tracer_n_uses(const struct tracer *tracer)
{
	return tracer->n_uses;
}

const struct target *tracer_target(const struct tracer *tracer)
{
	return &tracer->target;
}

void tracer_set_filter(struct tracer *tracer, const struct tracer_filter *filter)
{
	__atomic_store_n(&tracer->control->pid, filter->pid, __ATOMIC_RELAXED);
	__atomic_store_n(&tracer->control->max_per_second, filter->max_per_second,
			__ATOMIC_RELAXED);
}

void tracer_losses(struct tracer *tracer, bool exact, struct tracer_losses *ret)
{
	const struct lbrd_control *control = tracer->control;
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	*ret = (struct tracer_losses){
		.ring_full = __atomic_load_n(&control->ring_full, __ATOMIC_RELAXED),
		.slot_busy = __atomic_load_n(&control->slot_busy, __ATOMIC_RELAXED),
		.rate = __atomic_load_n(&control->rate, __ATOMIC_RELAXED),
	};
	if (exact && !bpf_obj_get_info_by_fd(tracer->program_fd, &info, &size))
		ret->recursion = info.recursion_misses;
}

bool tracer_target_gone(struct tracer *tracer)
{
	_cleanup_close_ int fd = -1;

	return tracer->target.module[0] && open_target(&tracer->target, &fd) == -ENOENT;
}
