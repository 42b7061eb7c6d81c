// SPDX-License-Identifier: Apache-2.0
/*
 * Words for what cannot be traced. Each reason has one sentence of what happened and why, and one
 * of what to do next. %s is the name of the target; the particulars and the period follow.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/trace/targets.h"

static const struct {
	const char *message;
	const char *hint;
} texts[] = {
	[TARGET_E_NO_SUCH_PROGRAM] = {
		"There is no BPF program %s",
		"`lbrctl progs` lists the loaded programs; an id changes with every load.",
	},
	[TARGET_E_NO_SUCH_FUNCTION] = {
		"There is no function %s",
		"`lbrctl progs` lists the functions of the loaded programs.",
	},
	[TARGET_E_NO_SUCH_PATH] = {
		"No BPF program is pinned at %s",
		"`bpftool -f prog` shows where programs are pinned.",
	},
	[TARGET_E_NO_SUCH_PROCESS] = {
		"There is no %s",
		"Use the pid as the initial pid namespace of the machine shows it.",
	},
	[TARGET_E_NO_PROGRAMS] = {
		"There is no BPF program that can be traced in %s",
		"`lbrctl progs` lists the programs, and says of each whether it can be traced; a "
		"process need not hold what it pinned or attached by netlink.",
	},
	[TARGET_E_AMBIGUOUS] = {
		"Several kernel modules have a function %s",
		"Name the module as well, as in module:function.",
	},
	[TARGET_E_NO_BTF] = {
		"%s has no type information (BTF), without which the kernel attaches no tracer",
		"Compile the program with -g; the kernel needs CONFIG_DEBUG_INFO_BTF.",
	},
	[TARGET_E_TRACING_PROGRAM] = {
		"%s is a tracing program, and lbrd does not trace what traces",
		"Trace the function that it is attached to.",
	},
	[TARGET_E_TAIL_CALL_LOOP] = {
		"%s can reach a tail call, and tracing such a subprogram makes kernels 5.10 to 6.6 "
		"loop for ever",
		"Trace the program's entry function, or use Linux 6.7.",
	},
	[TARGET_E_NO_RETURN] = {
		"%s never returns, so that it cannot be traced at its exit",
		"Trace it at its entry.",
	},
	[TARGET_E_DENIED] = {
		"%s runs in every tracer of lbrd itself, or the kernel forbids tracing it",
		"Trace the function that calls it.",
	},
	[TARGET_E_NOT_TRACEABLE] = {
		"%s has no entry that the kernel could patch: it is inlined, removed, not compiled "
		"to machine code, of an unsupported signature or marked as not to be traced",
		"Trace a function that calls it.",
	},
	[TARGET_E_ADDRESSES_HIDDEN] = {
		"The kernel hides the addresses of %s",
		"Set kernel.kptr_restrict to 0 or 1 and net.core.bpf_jit_harden to 0 or 1.",
	},
	[TARGET_E_PERMISSION] = {
		"The kernel does not allow lbrd to trace %s",
		"lbrd needs CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN, and some hardened kernels load "
		"no tracing program for anybody: see `lbrctl status`.",
	},
	[TARGET_E_REFUSED] = {
		"The kernel refuses a tracer for %s",
		"The kernel's own words tell what it wants; `lbrctl status` shows what it supports.",
	},
	[TARGET_E_GONE] = {
		"%s was unloaded meanwhile",
		"`lbrctl progs` lists the programs that are loaded now.",
	},
	[TARGET_E_TOO_MANY] = {
		"%s has as many tracers and other programs attached as the kernel allows (38)",
		"Detach another one; `bpftool link` shows them.",
	},
};

void target_format_name(const struct target *target, char *buffer, size_t size)
{
	if (target->kind == TARGET_FUNCTION || !target->program[0])
		snprintf(buffer, size, "%s", target->function);
	else if (!target->function[0] || !strcmp(target->function, target->program))
		snprintf(buffer, size, "%s", target->program);
	else
		snprintf(buffer, size, "%s:%s", target->program, target->function);
}

static const char *find_hint(const struct target *target, enum target_error error)
{
	if (error == TARGET_E_NO_SUCH_FUNCTION && target->kind == TARGET_FUNCTION)
		return "/proc/kallsyms lists the kernel's functions; one that is inlined everywhere "
		       "is not among them.";
	return texts[error].hint;
}

void target_failure_set(struct target_failure *failure, const struct target *target,
		enum target_error error, const char *detail)
{
	size_t size = sizeof(failure->message);
	int n;

	failure->error = error;
	target_format_name(target, failure->name, sizeof(failure->name));
	n = snprintf(failure->message, size, texts[error].message, failure->name);
	if ((size_t)n < size) {
		bool more = detail && *detail;

		snprintf(failure->message + n, size - (size_t)n, "%s%s%s.", more ? " (" : "",
				more ? detail : "", more ? ")" : "");
	}
	snprintf(failure->hint, sizeof(failure->hint), "%s", find_hint(target, error));
}

int target_list_fail(struct target_list *list, const struct target *target,
		enum target_error error, const char *detail, struct target_failure **ret)
{
	struct target_failure *failures;

	failures = reallocarray(list->failures, list->n_failures + 1, sizeof(*failures));
	if (!failures)
		return -ENOMEM;
	list->failures = failures;
	target_failure_set(&failures[list->n_failures], target, error, detail);
	if (ret)
		*ret = &failures[list->n_failures];
	list->n_failures++;
	return 0;
}
