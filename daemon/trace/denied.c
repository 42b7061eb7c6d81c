// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel has lists of both kinds as well (btf_id_deny and, since 6.16, noreturn_deny in
 * kernel/bpf/verifier.c), but they do not know what our tracer runs through: an event of such a
 * function would be made by every event.
 */
#include "daemon/trace/denied.h"

#include <stddef.h>
#include <string.h>

#include "common/macro.h"

static const char *const denied[] = {
	/* the way from a target into its tracer and back */
	"__rcu_read_lock",
	"__rcu_read_unlock",
	"migrate_disable",
	"migrate_enable",
	"preempt_count_add",
	"preempt_count_sub",
	"rcu_read_lock_sched_held",
	"rcu_read_unlock_strict",
	"rcu_read_unlock_trace_special",
	/* the branch snapshot */
	"bpf_get_branch_snapshot",
	"amd_pmu_lbr_read",
	"amd_pmu_v2_disable_all",
	"amd_pmu_v2_snapshot_branch_stack",
	"branch_type",
	"get_branch_type",
	"intel_pmu_disable_all",
	"intel_pmu_enable_all",
	/* what the tracer calls */
	"bpf_get_current_comm",
	"bpf_get_current_pid_tgid",
	"bpf_get_func_ret",
	"bpf_get_func_ret_tracing",
	"bpf_get_smp_processor_id",
	"bpf_ktime_get_ns",
	"ktime_get_mono_fast_ns",
	"strscpy",
	"strscpy_pad",
	"sized_strscpy",
	/* the ring buffer and its wakeup */
	"_raw_spin_lock_irqsave",
	"_raw_spin_unlock_irqrestore",
	"native_queued_spin_lock_slowpath",
	"queued_spin_lock_slowpath",
	"irq_work_queue",
	"irq_work_claim",
	"arch_irq_work_raise",
};

static const char *const denied_prefixes[] = {
	"__bpf_prog_enter",
	"__bpf_prog_exit",
	"__bpf_ringbuf_",
	"__bpf_tramp_",
	"__intel_pmu_snapshot_branch_stack",
	"__irq_work_",
	"bpf_ringbuf_",
	"intel_pmu_arch_lbr_",
	"intel_pmu_lbr_",
	"intel_pmu_snapshot_",
};

static const char *const never_return[] = {
	"__fortify_panic",
	"__ia32_sys_exit",
	"__ia32_sys_exit_group",
	"__module_put_and_kthread_exit",
	"__stack_chk_fail",
	"__x64_sys_exit",
	"__x64_sys_exit_group",
	"arch_cpu_idle_dead",
	"cpu_startup_entry",
	"do_exit",
	"do_group_exit",
	"do_task_dead",
	"ex_handler_msr_mce",
	"hlt_play_dead",
	"kthread_complete_and_exit",
	"kthread_exit",
	"machine_real_restart",
	"make_task_dead",
	"mpt_halt_firmware",
	"nmi_panic_self_stop",
	"panic",
	"panic_smp_self_stop",
	"play_dead",
	"rest_init",
	"rewind_stack_and_make_dead",
	"start_kernel",
	"start_secondary",
	"stop_this_cpu",
	"x86_64_start_kernel",
	"x86_64_start_reservations",
	"xen_cpu_bringup_again",
	"xen_start_kernel",
};

static bool is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

bool function_is_denied(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(denied_prefixes); i++)
		if (!strncmp(name, denied_prefixes[i], strlen(denied_prefixes[i])))
			return true;
	return is_in(denied, ARRAY_SIZE(denied), name);
}

bool function_never_returns(const char *name)
{
	return is_in(never_return, ARRAY_SIZE(never_return), name);
}
