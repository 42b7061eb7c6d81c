/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only names tell: the thunks of the speculation defences, the entry stubs and the callees of a
 * trampoline carry no other mark. The names of 5.16 to 6.18 are covered; a name is never matched
 * so loosely that an ordinary function could be taken for one of these.
 */
#include "daemon/symbol/kinds.h"

#include <string.h>

#include "common/macro.h"

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static bool starts_with_one_of(const char *name, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && !strcmp(name + n - m, suffix);
}

/*
 * What a `ret` of the kernel is compiled to jump to: __x86_return_thunk, and what the boot patches
 * in for it. The thunks of Zen 1 to 4 go on into a second symbol (…_safe_ret, …_untrain_ret).
 */
static bool is_return_thunk(const char *name)
{
	static const char *const more[] = {
		"srso_safe_ret", "srso_alias_safe_ret", "srso_untrain_ret", "srso_alias_untrain_ret",
		"retbleed_untrain_ret", "zen_untrain_ret", "entry_untrain_ret", "__ret",
	};

	return ends_with(name, "return_thunk") || is_one_of(name, more, ARRAY_SIZE(more));
}

static bool is_indirect_thunk(const char *name)
{
	static const char *const prefixes[] = {
		"__x86_indirect_thunk_", "__x86_indirect_call_thunk_", "__x86_indirect_jump_thunk_",
		"__x86_indirect_its_thunk_", "__x86_indirect_paranoid_thunk_",
	};

	return starts_with_one_of(name, prefixes, ARRAY_SIZE(prefixes)) ||
	       !strcmp(name, "its_static_thunk");
}

/*
 * The assembly stubs of x86 and the C code directly behind them, which nothing but an interrupt or
 * an exception runs. The way back out, common to all, is what the newest entries show.
 */
static bool is_interrupt(const char *name)
{
	static const char *const prefixes[] = {
		"asm_sysvec_", "asm_exc_", "asm_xenpv_exc_", "asm_fred_", "sysvec_", "__sysvec_",
		"exc_", "irqentry_", "fred_",
	};
	static const char *const names[] = {
		"asm_common_interrupt", "asm_spurious_interrupt", "common_interrupt",
		"__common_interrupt", "spurious_interrupt", "irq_entries_start",
		"spurious_entries_start", "common_interrupt_return", "error_entry", "error_return",
		"paranoid_entry", "paranoid_exit", "restore_regs_and_return_to_kernel",
		"native_iret", "native_irq_return_iret", "native_irq_return_ldt",
		"swapgs_restore_regs_and_return_to_usermode", "early_xen_iret_patch",
		"xen_error_entry", "nested_nmi", "nested_nmi_out", "first_nmi", "repeat_nmi",
		"end_repeat_nmi", "nmi_no_fsgsbase", "nmi_swapgs", "nmi_restore",
		"irq_enter_rcu", "irq_exit_rcu", "__irq_exit_rcu", "asm_call_irq_on_stack",
	};

	return starts_with_one_of(name, prefixes, ARRAY_SIZE(prefixes)) ||
	       is_one_of(name, names, ARRAY_SIZE(names));
}

static bool is_tracing(const char *name)
{
	static const char *const prefixes[] = { "__bpf_prog_enter", "__bpf_prog_exit" };
	static const char *const names[] = {
		"__bpf_tramp_enter", "__bpf_tramp_exit", "migrate_disable", "migrate_enable",
		"__rcu_read_lock", "__rcu_read_unlock", "rcu_read_unlock_strict",
		"__rcu_read_unlock_trace", "rcu_read_lock_trace", "rcu_read_unlock_trace",
		"bpf_get_branch_snapshot", "bpf_get_smp_processor_id",
	};

	return starts_with_one_of(name, prefixes, ARRAY_SIZE(prefixes)) ||
	       is_one_of(name, names, ARRAY_SIZE(names)) ||
	       ends_with(name, "_snapshot_branch_stack") ||
	       ends_with(name, "_snapshot_arch_branch_stack");
}

enum location_kind kind_of_kernel_symbol(const char *name, const char *module)
{
	if (!module) {
		if (is_return_thunk(name))
			return LOCATION_RETURN_THUNK;
		if (is_indirect_thunk(name))
			return LOCATION_INDIRECT_THUNK;
		if (is_interrupt(name))
			return LOCATION_INTERRUPT;
	}
	return is_tracing(name) ? LOCATION_TRACING : LOCATION_KERNEL;
}

enum location_kind kind_of_image(const char *name, const char *module)
{
	if (strcmp(module, "bpf"))
		return LOCATION_KERNEL;
	return strncmp(name, "bpf_prog_", 9) ? LOCATION_TRAMPOLINE : LOCATION_BPF_PROGRAM;
}

bool is_interrupt_vector(const struct location *location)
{
	if (location->kind != LOCATION_INTERRUPT || !location->symbol)
		return false;
	if (!strcmp(location->symbol, "irq_entries_start") ||
	    !strcmp(location->symbol, "spurious_entries_start"))
		return true;
	return location->offset == 0 && !strncmp(location->symbol, "asm_", 4);
}
