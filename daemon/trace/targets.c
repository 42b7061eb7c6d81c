// SPDX-License-Identifier: Apache-2.0
/*
 * Resolves selectors: finds the programs that one means, and of each the function (select.c), or
 * the kernel function (kernel-functions.c).
 *
 * The rule that must not break: a selector ends in a target or in a failure that says why. Only
 * "all programs" passes over what cannot be traced.
 */
#include "daemon/trace/targets.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/trace/denied.h"
#include "daemon/trace/kernel-functions.h"
#include "daemon/trace/names.h"
#include "daemon/trace/owner.h"
#include "daemon/trace/pinned.h"
#include "daemon/trace/programs.h"
#include "daemon/trace/select.h"

struct targets {
	unsigned int kernel_version;
	struct kernel_functions *functions;
	uint64_t functions_used_at; /* CLOCK_MONOTONIC */
};

/* One selector on its way. */
struct resolution {
	struct targets *targets;
	const struct target_selector *selector;
	enum trace_mode mode;
	bool look_only; /* it need not be traceable */
	struct target_list *list;
	struct name_suggestion programs; /* names like the one that was asked for */
	struct name_suggestion functions;
	size_t n_meant; /* programs that the selector means */
	size_t n_with_function; /* of these, how many have the function */
	struct target without_function; /* the last of the others */
};

int targets_new(struct targets **ret)
{
	struct targets *targets = calloc(1, sizeof(*targets));
	int r;

	if (!targets)
		return -ENOMEM;
	targets->kernel_version = linux_version();
	r = kernel_functions_new(&targets->functions);
	if (r) {
		free(targets);
		return r;
	}
	*ret = targets;
	return 0;
}

void targets_free(struct targets *targets)
{
	if (!targets)
		return;
	kernel_functions_free(targets->functions);
	free(targets);
}

void targets_trim(struct targets *targets)
{
	static const uint64_t minute = 60000000000;

	if (clock_ns(CLOCK_MONOTONIC) >= targets->functions_used_at + minute)
		kernel_functions_trim(targets->functions);
}

void target_list_deinit(struct target_list *list)
{
	free(list->targets);
	free(list->failures);
	*list = (struct target_list){};
}

static int add_target(struct target_list *list, const struct target *target)
{
	struct target *grown;

	for (size_t i = 0; i < list->n_targets; i++) {
		const struct target *other = &list->targets[i];

		if (other->kind == target->kind && other->mode == target->mode &&
		    other->program_id == target->program_id && other->btf_id == target->btf_id &&
		    !strcmp(other->module, target->module))
			return 0;
	}
	grown = reallocarray(list->targets, list->n_targets + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->targets = grown;
	grown[list->n_targets++] = *target;
	return 0;
}

static int add_failure(struct resolution *resolution, const struct target *target,
		enum target_error error, const char *detail, const char *suggestion)
{
	struct target_failure *failure;
	int r = target_list_fail(resolution->list, target, error, detail, &failure);

	if (r == 0 && suggestion && *suggestion)
		snprintf(failure->hint, sizeof(failure->hint), "Did you mean %s?", suggestion);
	return r;
}

/* A failure of the selector as a whole, named by what the user wrote. */
static int fail(struct resolution *resolution, enum target_error error, const char *detail)
{
	const struct target_selector *selector = resolution->selector;
	struct target target = { .kind = TARGET_PROGRAM, .mode = resolution->mode };

	switch (selector->by) {
	case SELECT_PROGRAM_ID:
		snprintf(target.program, sizeof(target.program), "%u", selector->id);
		break;
	case SELECT_OWNER:
		snprintf(target.program, sizeof(target.program), "process %d",
				(int)selector->owner);
		break;
	case SELECT_ALL_PROGRAMS:
		snprintf(target.program, sizeof(target.program), "the whole system");
		break;
	default:
		snprintf(target.program, sizeof(target.program), "%s", selector->text);
		break;
	}
	return add_failure(resolution, &target, error, detail,
			error == TARGET_E_NO_SUCH_PROGRAM ? resolution->programs.name : NULL);
}

static bool passes_over(const struct resolution *resolution, const struct program *program)
{
	return resolution->selector->by == SELECT_ALL_PROGRAMS &&
	       ((program->type == BPF_PROG_TYPE_TRACING && !resolution->look_only) ||
		program_is_ours(program->id));
}

/* A program that the selector means: to a target or a failure of its own. */
static int take_program(struct resolution *resolution, const struct program *program)
{
	const char *function = resolution->selector->function;
	char detail[128] = "";
	struct target target;
	int error;

	if (passes_over(resolution, program))
		return 0;
	resolution->n_meant++;
	error = select_function(program, function, resolution->mode, &target);
	if (error == TARGET_E_NO_SUCH_FUNCTION) {
		resolution->without_function = target;
		for (size_t i = 0; i < program->n_functions; i++)
			name_suggestion_offer(&resolution->functions, program->functions[i].name);
		return 0;
	}
	resolution->n_with_function++;
	if (resolution->look_only && !error)
		return add_target(resolution->list, &target);
	if (error == TARGET_E_NOT_TRACEABLE)
		snprintf(detail, sizeof(detail),
				"the object file has it, but it is not part of this program");
	else
		error = select_check(program, &target, resolution->targets->kernel_version,
				detail, sizeof(detail));
	if (!error)
		return add_target(resolution->list, &target);
	if (resolution->selector->by == SELECT_ALL_PROGRAMS)
		return 0;
	return add_failure(resolution, &target, error, detail, NULL);
}

static bool is_meant(struct resolution *resolution, const struct program *program)
{
	const struct target_selector *selector = resolution->selector;

	switch (selector->by) {
	case SELECT_ALL_PROGRAMS:
		return true;
	case SELECT_PROGRAM_TAG:
		return !strcasecmp(program->tag, selector->text);
	case SELECT_PROGRAM_NAME:
		if (program_is_ours(program->id))
			return false;
		name_suggestion_offer(&resolution->programs, program->name);
		return name_matches(program->name, selector->text);
	default:
		return false;
	}
}

static int scan_programs(struct resolution *resolution)
{
	uint32_t id = 0;
	int r;

	while (!(r = program_next(id, &id))) {
		struct program program;

		r = program_read(id, &program);
		if (r == -ENOENT || r == -EAGAIN) /* unloaded since, as happens */
			continue;
		if (r)
			return r;
		if (is_meant(resolution, &program))
			r = take_program(resolution, &program);
		program_deinit(&program);
		if (r)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

static int take_id(struct resolution *resolution, uint32_t id)
{
	struct program program;
	int r;

	r = program_read(id, &program);
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	r = take_program(resolution, &program);
	program_deinit(&program);
	return r;
}

static int scan_owner(struct resolution *resolution)
{
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n;
	int r;

	r = owner_programs(resolution->selector->owner, &ids, &n);
	for (size_t i = 0; !r && i < n; i++)
		if (!program_is_ours(ids[i]))
			r = take_id(resolution, ids[i]);
	return r;
}

static int scan_pinned(struct resolution *resolution)
{
	uint32_t id;
	int r;

	r = pinned_program(resolution->selector->text, &id);
	return r ? r : take_id(resolution, id);
}

/* Why the selector means nothing. */
static enum target_error nothing_found(enum target_error nothing, int r)
{
	if (r == -EPERM || r == -EACCES)
		return TARGET_E_PERMISSION;
	return r && r != -ENOENT && r != -ENOTDIR && r != -EINVAL ? TARGET_E_REFUSED : nothing;
}

static int conclude(struct resolution *resolution, int r)
{
	static const enum target_error nothing[] = {
		[SELECT_PROGRAM_ID] = TARGET_E_NO_SUCH_PROGRAM,
		[SELECT_PROGRAM_NAME] = TARGET_E_NO_SUCH_PROGRAM,
		[SELECT_PROGRAM_TAG] = TARGET_E_NO_SUCH_PROGRAM,
		[SELECT_PROGRAM_PATH] = TARGET_E_NO_SUCH_PATH,
		[SELECT_OWNER] = TARGET_E_NO_SUCH_PROCESS,
		[SELECT_ALL_PROGRAMS] = TARGET_E_NO_PROGRAMS,
	};
	const struct target_selector *selector = resolution->selector;

	if (r == -ENOMEM)
		return r;
	if (r) {
		enum target_error error = nothing_found(nothing[selector->by], r);
		const char *detail = error == TARGET_E_REFUSED ? strerror(-r) : NULL;

		return fail(resolution, error, r == -EINVAL ? "it is no program" : detail);
	}
	if (!resolution->n_meant)
		return fail(resolution,
				selector->by == SELECT_OWNER ? TARGET_E_NO_PROGRAMS :
							       nothing[selector->by],
				NULL);
	if (!resolution->n_with_function)
		return add_failure(resolution, &resolution->without_function,
				TARGET_E_NO_SUCH_FUNCTION, NULL, resolution->functions.name);
	return 0;
}

static int resolve_programs(struct resolution *resolution)
{
	int r;

	switch (resolution->selector->by) {
	case SELECT_PROGRAM_ID:
		r = take_id(resolution, resolution->selector->id);
		break;
	case SELECT_PROGRAM_PATH:
		r = scan_pinned(resolution);
		break;
	case SELECT_OWNER:
		r = scan_owner(resolution);
		break;
	default:
		r = scan_programs(resolution);
		break;
	}
	return conclude(resolution, r);
}

static int resolve_function(struct resolution *resolution)
{
	const char *text = resolution->selector->text;
	struct target target = { .kind = TARGET_FUNCTION, .mode = resolution->mode };
	char detail[128] = "";
	int error = 0, r;

	snprintf(target.function, sizeof(target.function), "%s", text);
	resolution->targets->functions_used_at = clock_ns(CLOCK_MONOTONIC);
	r = kernel_functions_find(resolution->targets->functions, text, &resolution->functions,
			&target);
	if (r == -ENOMEM)
		return r;
	if (r == -ENOTUNIQ) {
		snprintf(detail, sizeof(detail), "%s is one of them", target.module);
		error = TARGET_E_AMBIGUOUS;
	} else if (r == -ENOPKG) {
		snprintf(detail, sizeof(detail), "/sys/kernel/btf/vmlinux cannot be read");
		error = TARGET_E_NO_BTF;
	} else if (r) {
		error = TARGET_E_NO_SUCH_FUNCTION;
	} else if (function_is_denied(target.function)) {
		error = TARGET_E_DENIED;
	} else if (resolution->mode == TRACE_EXIT && function_never_returns(target.function)) {
		error = TARGET_E_NO_RETURN;
	}
	if (!error)
		return add_target(resolution->list, &target);
	return add_failure(resolution, &target, error, detail,
			error == TARGET_E_NO_SUCH_FUNCTION ? resolution->functions.name : NULL);
}

int targets_find(struct targets *targets, const struct target_selector *selector,
		struct target_list *list)
{
	struct resolution resolution = {
		.targets = targets,
		.selector = selector,
		.look_only = true,
		.list = list,
	};

	name_suggestion_init(&resolution.programs,
			selector->by == SELECT_PROGRAM_NAME ? selector->text : "");
	name_suggestion_init(&resolution.functions, selector->function ? selector->function : "");
	return resolve_programs(&resolution);
}

int targets_resolve(struct targets *targets, const struct target_selector *selector,
		enum trace_mode mode, struct target_list *list)
{
	struct resolution resolution = {
		.targets = targets,
		.selector = selector,
		.mode = mode,
		.list = list,
	};
	bool kernel = selector->by == SELECT_KERNEL_FUNCTION;

	name_suggestion_init(&resolution.programs,
			selector->by == SELECT_PROGRAM_NAME ? selector->text : "");
	name_suggestion_init(&resolution.functions,
			kernel ? selector->text : selector->function ? selector->function : "");
	return kernel ? resolve_function(&resolution) : resolve_programs(&resolution);
}
