/* SPDX-License-Identifier: Apache-2.0 */
/* The tracers and their ring buffer: everything of lbrd that runs in the kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/target.h"
#include "daemon/trace/heritage.h"
#include "daemon/trace/keeper.h"

struct trace;
struct tracer;

struct trace_config {
	size_t ring_bytes; /* a power of two, at least a page */
	/* Raw bytes of one record; borrowed for the call. */
	void (*record)(const void *data, size_t length, void *userdata);
	void *userdata;
	const struct keeper *keeper; /* outlives the trace; NULL: no tracer outlives this process */
	/*
	 * Tracers that run already, with their ring and pool; borrowed for the call. NULL: none.
	 * They have no use yet: tracer_acquire() finds them by their target.
	 */
	const struct heritage *heritage;
};

/*
 * Creates the maps that all tracers share, or takes over those of the heritage. No tracer is
 * loaded. Negative errno as the kernel gives them: -EPERM without CAP_BPF and CAP_PERFMON.
 * -EBADMSG: the heritage is not what it says.
 */
int trace_new(const struct trace_config *config, struct trace **ret);
/* Detaches and unloads every tracer that is left. NULL is fine. */
void trace_free(struct trace *trace);

/*
 * Whether the kernel loads tracing programs at all (some refuse them even to root): 0, or the
 * negative errno of loading the smallest one. Remembered after the first success.
 */
int trace_probe(struct trace *trace);
/* The kernel's branch snapshot helper (since 5.16) is there. Asked for once. */
bool trace_has_snapshot_helper(struct trace *trace);

/* Readable when the ring has records. Level-triggered. */
int trace_ring_fd(const struct trace *trace);
/*
 * Hands up to `max` records to the callback, in order; returns how many. Does not block. 0: the
 * ring is empty. A return of `max` means: there may be more, call again after other work.
 */
size_t trace_drain(struct trace *trace, size_t max);
/*
 * Where in the endless row of the ring's bytes the record in hand begins, or the next one that
 * trace_drain() will hand up. The same record has the same position for a later lbrd.
 */
uint64_t trace_position(const struct trace *trace);
/* Behind the last record that the kernel has begun. */
uint64_t trace_end(const struct trace *trace);
/*
 * Gives the place of what was handed up back to the kernel. Until then a later lbrd that takes over
 * is handed it again.
 */
void trace_release(struct trace *trace);
/* Bytes that were handed up and not given back. */
size_t trace_unreleased(const struct trace *trace);
/* The highest number that any tracer ever had. */
uint32_t trace_last_number(const struct trace *trace);
/* Unloads the tracers of the heritage that nobody has acquired. */
void trace_forget_unused(struct trace *trace);

/*
 * The one tracer of a target and mode: loaded (not yet attached) when it is the first use, else
 * shared: a second tracer in the same trampoline would spoil the first one's branches.
 * Positive: enum target_error, with the kernel's words in `detail` where there are any.
 * `without_branches`: does not call the snapshot helper; not shared with one that does.
 */
int tracer_acquire(struct trace *trace, const struct target *target, bool without_branches,
		char *detail, size_t detail_size, struct tracer **ret);
/* Attaches it when it is not attached yet: events flow from here on. Positive: target_error. */
int tracer_activate(struct tracer *tracer, char *detail, size_t detail_size);
/*
 * Gives one use back; the last one detaches and unloads. Detaching from a kernel function blocks
 * for some 0.1 s, in which the kernel waits for all its tasks, unless tracer_deactivate() and its
 * end went before; from a program it does not.
 * Records already in the ring still arrive with its number, which is not given to another tracer
 * as long as the daemon lives.
 */
void tracer_release(struct tracer *tracer);
/*
 * Detaches without unloading when this is the last use. Once tracer_is_detaching() is false no
 * event can happen, and all that happened are in the ring or counted. To be followed by
 * trace_drain() to the end, tracer_losses() and tracer_release(). With further uses it does
 * nothing. A kernel function is detached from in the background, a program at once.
 */
void tracer_deactivate(struct tracer *tracer);
bool tracer_is_detaching(struct tracer *tracer);
/* Readable after a tracer was detached in the background; trace_hear_detached() takes note. */
int trace_detached_fd(const struct trace *trace);
void trace_hear_detached(struct trace *trace);
/* Blocks until no tracer is detaching. */
void trace_wait_detached(struct trace *trace);

/*
 * From now on the tracer outlives this process, by its link in the keeper; to be called once for
 * each use that shall. A negative errno: this use does not.
 */
int tracer_keep(struct tracer *tracer);
/* Takes it back; the last one lets go of the link. To be followed by keeper.settle(). */
void tracer_unkeep(struct tracer *tracer);
/* What the keeper has it by. */
void tracer_kept_name(uint32_t number, char name[KEPT_NAME_MAX]);

uint32_t tracer_number(const struct tracer *tracer); /* lbrd_record.tracer; from 1 */
uint32_t tracer_program_id(const struct tracer *tracer); /* of the tracer itself */
unsigned int tracer_n_uses(const struct tracer *tracer);
const struct target *tracer_target(const struct tracer *tracer);
/*
 * True once the module of a traced function is gone: nothing will ever arrive. Programs never go:
 * the kernel keeps a traced one, even when its owner and everything it was attached to have let go
 * of it, until the tracer goes (bpf_prog_aux.dst_prog and bpf_tracing_link.tgt_prog hold it). An
 * attachment to such a program is silent, and nothing in the kernel tells that it will remain so.
 */
bool tracer_target_gone(struct tracer *tracer);

/* The kernel-side filter: the union of what the attachments of this tracer want. */
struct tracer_filter {
	uint32_t pid; /* thread group; 0: all */
	uint32_t max_per_second; /* 0: no ceiling */
};
void tracer_set_filter(struct tracer *tracer, const struct tracer_filter *filter);

/* Events that this tracer had and that will never arrive, since it was loaded. */
struct tracer_losses {
	uint64_t ring_full;
	uint64_t slot_busy;
	uint64_t recursion; /* bpf_prog_info.recursion_misses */
	uint64_t rate;
};
/* Cheap: mapped memory, no system call, but for recursion, which is read when `exact`. */
void tracer_losses(struct tracer *tracer, bool exact, struct tracer_losses *ret);

struct trace_description {
	size_t n_tracers;
	size_t ring_bytes;
	size_t ring_used; /* bytes that wait in the ring now */
	uint64_t records; /* handed up so far */
};
void trace_describe(const struct trace *trace, struct trace_description *ret);
