/* SPDX-License-Identifier: Apache-2.0 */
/* Every sentence here says what happened and why; every hint, what to do next. */
#include "daemon/api/errors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/api/replies.h"
#include "daemon/trace/lbr.h"

int error_invalid_parameter(struct call *call, const char *name)
{
	return call_error(call, "org.varlink.service.InvalidParameter",
			reply_wrap("parameter", json_object_new_string(name)));
}

const char *branch_records_message(int error)
{
	return error ? lbr_error_message(error) :
			"The kernel has no bpf_get_branch_snapshot, which came with Linux 5.16.";
}

int error_branch_records(struct call *call, int error)
{
	static const char *const reasons[] = {
		[0] = "noHelper",
		[LBR_E_NO_HARDWARE] = "noHardware",
		[LBR_E_UNSUPPORTED] = "unsupported",
		[LBR_E_PERMISSION] = "permission",
		[LBR_E_TOO_MANY_FILES] = "tooManyFiles",
		[LBR_E_REFUSED] = "refused",
	};
	const char *hint = error ? lbr_error_hint(error) :
			"Boot a newer kernel, or attach without branch records (--no-branches).";
	struct json_object *problem = reply_problem(branch_records_message(error), hint);

	if (problem)
		reply_add_string(problem, "reason", reasons[error]);
	return call_error(call, "io.lbrd.BranchRecordsUnavailable", problem);
}

const char *tracing_message(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "The kernel refuses to load BPF tracing programs, which lbrd's tracers are.";
	case -ENOENT:
	case -ESRCH:
		return "The kernel has no type information (BTF), which tracing programs need.";
	case -EOPNOTSUPP:
	case -524: /* ENOTSUPP of the kernel has no name in user space */
	case -EINVAL:
		return "The kernel does not know BPF tracing programs or cannot attach them.";
	default:
		return "The kernel could not load the smallest tracing program.";
	}
}

static const char *tracing_hint(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "Run lbrd as root or with CAP_BPF and CAP_PERFMON; if it already is, the "
			"kernel is locked down (see /sys/kernel/security/lockdown) or built to refuse them.";
	case -ENOENT:
	case -ESRCH:
		return "Boot a kernel built with CONFIG_DEBUG_INFO_BTF=y.";
	default:
		return "Boot a kernel with CONFIG_BPF_JIT, CONFIG_DEBUG_INFO_BTF and "
			"CONFIG_FUNCTION_TRACER on an architecture with BPF trampolines.";
	}
}

int error_tracing(struct call *call, int error)
{
	return call_error(call, "io.lbrd.TracingUnavailable",
			reply_problem(tracing_message(error), tracing_hint(error)));
}

int error_limit(struct call *call, enum limit_id id)
{
	char hint[160];

	snprintf(hint, sizeof(hint), "At most %" PRIu64 " %s are allowed; see lbrctl status --limits.",
			limits[id].value, limits[id].unit);
	return call_error(call, "io.lbrd.LimitReached",
			limit_refusal(limits[id].name, limits[id].value, hint));
}

int error_no_such_attachment(struct call *call, uint32_t id)
{
	struct json_object *object = json_object_new_object();

	if (object) {
		reply_add_int(object, "attachment", id);
		reply_add_string(object, "hint", "See lbrctl list for what is attached now.");
	}
	return call_error(call, "io.lbrd.NoSuchAttachment", object);
}

int error_not_owner(struct call *call, uint32_t id, uid_t owner)
{
	struct json_object *object = json_object_new_object();

	if (object) {
		reply_add_int(object, "attachment", id);
		reply_add_int(object, "ownerUserId", owner);
		reply_add_string(object, "hint", "Ask its owner, or detach it with sudo.");
	}
	return call_error(call, "io.lbrd.NotOwner", object);
}
