// SPDX-License-Identifier: Apache-2.0
/*
 * What can be told of a program before the kernel is asked. The kernel has the last word: a
 * tracing program, for one, is let through here, since whether it can be traced depends on what it
 * is attached to.
 *
 * The rule that must not break: what would hang the kernel is refused here, and in doubt as well.
 */
#include "daemon/trace/select.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "common/cleanup.h"
#include "daemon/trace/program-info.h"
#include "daemon/trace/tail-calls.h"

DEFINE_CLEANUP(struct btf *, btf__free)

unsigned int linux_version(void)
{
	struct utsname name;
	unsigned int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	return LINUX_VERSION(major, minor);
}

static const struct program_function *find_function(const struct program *program,
		const char *function)
{
	if (!function)
		return &program->functions[0];
	for (size_t i = 0; i < program->n_functions; i++)
		if (!strcmp(program->functions[i].name, function))
			return &program->functions[i];
	return NULL;
}

/* The program's object file knows the function, but it is not, or no more, part of the program. */
static bool is_left_out(const struct program *program, const char *function)
{
	_cleanup_(btf__free_p) struct btf *btf = NULL;

	if (program->btf_object_id)
		btf = btf__load_from_kernel_by_id(program->btf_object_id);
	return btf && btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) > 0;
}

int select_function(const struct program *program, const char *function, enum trace_mode mode,
		struct target *ret)
{
	const struct program_function *found = find_function(program, function);

	*ret = (struct target){
		.kind = TARGET_PROGRAM,
		.mode = mode,
		.program_id = program->id,
	};
	snprintf(ret->program, sizeof(ret->program), "%s", program->name);
	snprintf(ret->function, sizeof(ret->function), "%s", found ? found->name : function);
	memcpy(ret->tag, program->tag, sizeof(ret->tag));
	if (!found)
		return is_left_out(program, function) ? TARGET_E_NOT_TRACEABLE :
							TARGET_E_NO_SUCH_FUNCTION;
	ret->btf_id = found->btf_id;
	ret->return_kind = found->return_kind;
	ret->return_bytes = found->return_bytes;
	if (found->start) {
		ret->start = found->start;
		ret->end = found->start + found->size;
	}
	return 0;
}

/* Whether a tracer of this subprogram could make an endless loop; in doubt it could. */
static bool can_loop(const struct program *program, const struct target *target)
{
	_cleanup_(program_info_deinit) struct program_info info = {}, code = {};
	_cleanup_free_ uint32_t *starts = NULL;
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program->id);
	size_t n, function;

	/* Twice: with the instructions of a blinded program all the rest is kept from us, too. */
	if (fd < 0 || program_info_read(fd, false, &info) || program_info_read(fd, true, &code) ||
	    !code.n_insns)
		return true;
	n = info.n_btf_functions;
	starts = calloc(n + 1, sizeof(*starts));
	if (!starts)
		return true;
	function = n;
	for (size_t i = 0; i < n; i++) {
		starts[i] = info.btf_functions[i].insn_off;
		if (info.btf_functions[i].type_id == target->btf_id)
			function = i;
	}
	return tail_call_reachable(code.insns, code.n_insns, starts, n, function);
}

int select_check(const struct program *program, const struct target *target,
		unsigned int kernel_version, char *detail, size_t size)
{
	*detail = '\0';
	if (program_is_ours(program->id)) {
		snprintf(detail, size, "it is a tracer of lbrd");
		return TARGET_E_DENIED;
	}
	/*
	 * Linux 6.8 allows to trace those that are not attached to a program themselves. But such a
	 * program runs inside a trampoline, where a tracer of its own would stand between the
	 * function it traces and the branches that led there.
	 */
	if (program->type == BPF_PROG_TYPE_TRACING)
		return TARGET_E_TRACING_PROGRAM;
	if (!target->btf_id)
		return TARGET_E_NO_BTF;
	if (!program->jited_size) {
		snprintf(detail, size, "not compiled to machine code: net.core.bpf_jit_enable is 0");
		return TARGET_E_NOT_TRACEABLE;
	}
	if (target->btf_id != program->functions[0].btf_id &&
	    kernel_version >= LINUX_VERSION(5, 10) && kernel_version < LINUX_VERSION(6, 7) &&
	    can_loop(program, target))
		return TARGET_E_TAIL_CALL_LOOP;
	return 0;
}
