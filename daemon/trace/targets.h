/* SPDX-License-Identifier: Apache-2.0 */
/* From what a user wrote to the functions that can be traced, or the reason why not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/model/target.h"

/* The same order as TargetFailure.reason in io.lbrd.varlink. */
enum target_error {
	TARGET_E_NO_SUCH_PROGRAM = 1,
	TARGET_E_NO_SUCH_FUNCTION,
	TARGET_E_NO_SUCH_PATH,
	TARGET_E_NO_SUCH_PROCESS,
	TARGET_E_NO_PROGRAMS, /* the process holds none, or none is loaded */
	TARGET_E_AMBIGUOUS, /* several kernel functions of that name */
	TARGET_E_NO_BTF, /* the program or the kernel has no type information */
	TARGET_E_TRACING_PROGRAM, /* tracing programs cannot be traced by such */
	TARGET_E_TAIL_CALL_LOOP, /* kernels 5.10 to 6.6 would loop for ever */
	TARGET_E_NO_RETURN, /* never returns: cannot be traced at exit */
	TARGET_E_DENIED, /* would trace the tracer itself, or hang the kernel */
	TARGET_E_NOT_TRACEABLE, /* inlined everywhere, notrace, or without an entry site */
	TARGET_E_ADDRESSES_HIDDEN, /* kptr_restrict, bpf_jit_harden */
	TARGET_E_PERMISSION,
	TARGET_E_REFUSED, /* by the kernel; detail holds its words */
	TARGET_E_GONE, /* unloaded while we attached */
	TARGET_E_TOO_MANY,
};

struct target_selector {
	enum {
		SELECT_PROGRAM_ID,
		SELECT_PROGRAM_NAME,
		SELECT_PROGRAM_TAG,
		SELECT_PROGRAM_PATH,
		SELECT_OWNER,
		SELECT_ALL_PROGRAMS,
		SELECT_KERNEL_FUNCTION,
	} by;
	uint32_t id;
	pid_t owner;
	const char *text; /* name, tag, path, or "function" or "module:function"; borrowed */
	const char *function; /* NULL: the entry function */
};

struct target_failure {
	char name[2 * TARGET_NAME_MAX + 2];
	enum target_error error;
	char message[320]; /* one sentence: what happened and why */
	char hint[256]; /* one sentence: what to do next */
};

/* What a request resolves to: targets to attach and the reasons for the others. */
struct target_list {
	struct target *targets;
	size_t n_targets;
	struct target_failure *failures;
	size_t n_failures;
};
void target_list_deinit(struct target_list *list);

struct targets;

/* Knows the kernel's version and BTF; the latter loads when a kernel function first needs it. */
int targets_new(struct targets **ret);
void targets_free(struct targets *targets);
/*
 * Gives back the memory of the kernel's BTF (8 to 10 MB) when no kernel function was asked for in
 * the last minute. To be called now and then.
 */
void targets_trim(struct targets *targets);

/*
 * Appends what `selector` means to `list`, each function at most once; a selector that matches
 * nothing appends a failure. Of several programs (name, tag, owner, all) those that cannot be
 * traced become failures, but with SELECT_ALL_PROGRAMS they are passed over silently. Programs of
 * this daemon itself are never meant. Negative errno: -ENOMEM only.
 */
int targets_resolve(struct targets *targets, const struct target_selector *selector,
		enum trace_mode mode, struct target_list *list);

/*
 * Like targets_resolve() for the functions of programs that are merely to be looked at: whatever is
 * loaded is fine, by its id even a tracer of this daemon. Not for kernel functions.
 */
int targets_find(struct targets *targets, const struct target_selector *selector,
		struct target_list *list);

/* Fills message and hint of a failure; `detail` (the kernel's words) may be NULL. */
void target_failure_set(struct target_failure *failure, const struct target *target,
		enum target_error error, const char *detail);
/*
 * The same at the end of the list. `ret`, if not NULL, is borrowed until the next one is added.
 * -ENOMEM.
 */
int target_list_fail(struct target_list *list, const struct target *target,
		enum target_error error, const char *detail, struct target_failure **ret);
/* "program", "program:function" or "function": Target.name of the interface. */
void target_format_name(const struct target *target, char *buffer, size_t size);
