// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's half of the emulated last branch records (../lbr-plugin.c is the other): the PMU
 * "cpu" that a virtual machine otherwise lacks, and bpf_get_branch_snapshot().
 *
 * The snapshot is held to what real hardware shows: no branch of our own between the static
 * call's arrival and the freezing of the records.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/perf_event.h>
#include <linux/static_call.h>
#include <asm/desc.h>

#include "lbr-shared.h"

static unsigned int depth = LBR_MAX_DEPTH;
module_param(depth, uint, 0444);
MODULE_PARM_DESC(depth, "entries per CPU: 32, 16 or 8");

static char *quirk = "";
module_param(quirk, charp, 0444);
MODULE_PARM_DESC(quirk, "what real machines do: counting-einval (AMD before 6.10), counting-empty "
		 "(Intel 6.8 to 6.11), no-branches (a PMU without LBR), stale (Intel: without an "
		 "event, snapshots give what the last one left), untyped (Intel before architectural "
		 "LBR)");

enum quirk { QUIRK_NONE, QUIRK_COUNTING_EINVAL, QUIRK_COUNTING_EMPTY, QUIRK_NO_BRANCHES,
	QUIRK_STALE, QUIRK_UNTYPED };
static const char * const quirks[] = { "", "counting-einval", "counting-empty", "no-branches",
	"stale", "untyped" };
static int the_quirk;

static void *shared;
static struct pci_dev *device;
static DEFINE_PER_CPU(struct lbr_cpu *, lbr_page);
static DEFINE_PER_CPU(unsigned int, lbr_users);

/* Priv level bits are the kernel's business; the rest as arch/x86/events/intel/lbr.c maps them. */
static u32 filter_of(u64 type)
{
	u32 any_call = 1 << LBR_CALL | 1 << LBR_IND_CALL | 1 << LBR_SYSCALL | 1 << LBR_IRQ |
		       1 << LBR_INT;
	u32 any_return = 1 << LBR_RET | 1 << LBR_IRET | 1 << LBR_SYSRET;
	u32 filter = 0;

	if (type & PERF_SAMPLE_BRANCH_ANY)
		filter |= any_call | any_return | 1 << LBR_COND | 1 << LBR_JMP | 1 << LBR_IND_JMP;
	if (type & PERF_SAMPLE_BRANCH_ANY_CALL)
		filter |= any_call;
	if (type & PERF_SAMPLE_BRANCH_ANY_RETURN)
		filter |= any_return;
	if (type & PERF_SAMPLE_BRANCH_IND_CALL)
		filter |= 1 << LBR_IND_CALL;
	if (type & PERF_SAMPLE_BRANCH_COND)
		filter |= 1 << LBR_COND;
	if (type & PERF_SAMPLE_BRANCH_IND_JUMP)
		filter |= 1 << LBR_IND_JMP;
	if (type & PERF_SAMPLE_BRANCH_CALL)
		filter |= 1 << LBR_CALL;
	if (type & PERF_SAMPLE_BRANCH_KERNEL)
		filter |= LBR_TO_KERNEL;
	if (type & PERF_SAMPLE_BRANCH_USER)
		filter |= LBR_TO_USER;
	return filter;
}

/* Hardware has no call stack mode without LBR_SELECT's help, and TCG has no transactions. */
#define UNSUPPORTED (PERF_SAMPLE_BRANCH_HV | PERF_SAMPLE_BRANCH_CALL_STACK | \
		     PERF_SAMPLE_BRANCH_ABORT_TX | PERF_SAMPLE_BRANCH_IN_TX | \
		     PERF_SAMPLE_BRANCH_NO_TX)

static int pmu_event_init(struct perf_event *event)
{
	switch (event->attr.type) {
	case PERF_TYPE_HARDWARE:
		if (event->attr.config >= PERF_COUNT_HW_MAX)
			return -EINVAL;
		break;
	case PERF_TYPE_RAW:
		break;
	default:
		return -ENOENT;
	}
	if (!has_branch_stack(event))
		return 0;
	if (the_quirk == QUIRK_NO_BRANCHES || event->attr.branch_sample_type & UNSUPPORTED)
		return -EOPNOTSUPP;
	if (!(filter_of(event->attr.branch_sample_type) & ~(LBR_TO_KERNEL | LBR_TO_USER)))
		return -EOPNOTSUPP;
	if (the_quirk == QUIRK_COUNTING_EINVAL && !is_sampling_event(event))
		return -EINVAL;
	return 0;
}

static bool records(struct perf_event *event)
{
	return has_branch_stack(event) &&
	       !(the_quirk == QUIRK_COUNTING_EMPTY && !is_sampling_event(event));
}

static void pmu_read(struct perf_event *event)
{
	u64 now = ktime_get_mono_fast_ns();

	local64_add(now - local64_xchg(&event->hw.prev_count, now), &event->count);
}

static void pmu_start(struct perf_event *event, int flags)
{
	local64_set(&event->hw.prev_count, ktime_get_mono_fast_ns());
	event->hw.state = 0;
}

static void pmu_stop(struct perf_event *event, int flags)
{
	if (event->hw.state & PERF_HES_STOPPED)
		return;
	pmu_read(event);
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

/* Called on the event's CPU with interrupts off, as pmu_del. */
static int pmu_add(struct perf_event *event, int flags)
{
	if (records(event)) {
		struct lbr_cpu *page = __this_cpu_read(lbr_page);
		u32 filter = filter_of(event->attr.branch_sample_type);

		/* One filter per CPU: as on hardware, another one has to wait its turn. */
		if (__this_cpu_read(lbr_users) && page->filter != filter)
			return -EAGAIN;
		if (__this_cpu_inc_return(lbr_users) == 1) {
			page->filter = filter;
			LBR_REQUEST(LBR_ENABLE);
		}
	}
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	if (flags & PERF_EF_START)
		pmu_start(event, flags);
	return 0;
}

static void pmu_del(struct perf_event *event, int flags)
{
	pmu_stop(event, PERF_EF_UPDATE);
	if (records(event) && __this_cpu_dec_return(lbr_users) == 0)
		LBR_REQUEST(LBR_DISABLE);
}

static ssize_t branches_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", depth);
}
static DEVICE_ATTR_RO(branches);
static struct attribute *caps_attrs[] = { &dev_attr_branches.attr, NULL };
static const struct attribute_group caps_group = { .name = "caps", .attrs = caps_attrs };

PMU_FORMAT_ATTR(event, "config:0-7");
static struct attribute *format_attrs[] = { &format_attr_event.attr, NULL };
static const struct attribute_group format_group = { .name = "format", .attrs = format_attrs };

static const struct attribute_group *groups[] = { &format_group, NULL, NULL };

static struct pmu pmu = {
	.module = THIS_MODULE,
	.attr_groups = groups,
	.task_ctx_nr = perf_hw_context,
	.event_init = pmu_event_init,
	.add = pmu_add,
	.del = pmu_del,
	.start = pmu_start,
	.stop = pmu_stop,
	.read = pmu_read,
};

static noinline notrace int snapshot(struct perf_branch_entry *entries, unsigned int count)
{
	struct lbr_cpu *page;
	unsigned long flags;
	unsigned long words;
	const void *from;
	unsigned int nr;

	/* The page is this CPU's until interrupts are allowed again. */
	asm volatile("pushfq; popq %0; cli" : "=r" (flags) : : "memory");
	LBR_REQUEST(LBR_SNAPSHOT);
	page = __this_cpu_read(lbr_page);
	nr = min(READ_ONCE(page->nr), count);
	words = nr * (sizeof(*entries) / 8);
	from = page->entries;
	asm volatile("rep movsq" : "+S" (from), "+D" (entries), "+c" (words) : : "memory");
	if (flags & X86_EFLAGS_IF)
		asm volatile("sti" : : : "memory");
	return nr;
}

static unsigned long (*lookup)(const char *name);

static int find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int err = register_kprobe(&probe);

	if (err)
		return err;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

static int route_snapshot(void)
{
	void (*update)(struct static_call_key *, void *, void *);
	struct static_call_key *key;
	void *trampoline;
	int err = find_lookup();

	if (err)
		return err;
	update = (void *)lookup("__static_call_update");
	key = (void *)lookup("__SCK__perf_snapshot_branch_stack");
	trampoline = (void *)lookup("__SCT__perf_snapshot_branch_stack");
	if (!update || !key || !trampoline)
		return -ENOENT;
	update(key, trampoline, snapshot);
	return 0;
}

static int map_shared(void)
{
	struct lbr_machine *machine;
	struct desc_ptr idt;
	unsigned int cpu;

	device = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110, NULL);
	if (!device)
		return -ENODEV;
	if (pci_enable_device(device))
		return -EIO;
	shared = memremap(pci_resource_start(device, 2), pci_resource_len(device, 2), MEMREMAP_WB);
	if (!shared)
		return -ENOMEM;
	machine = shared;
	machine->depth = depth;
	machine->keep_stale = the_quirk == QUIRK_STALE;
	machine->untyped = the_quirk == QUIRK_UNTYPED;
	store_idt(&idt);
	for (int i = 0; i < LBR_VECTORS && (i + 1) * sizeof(gate_desc) <= idt.size + 1; i++)
		machine->handlers[i] = gate_offset((gate_desc *)idt.address + i);
	for_each_possible_cpu(cpu)
		per_cpu(lbr_page, cpu) = shared + (1 + cpu) * LBR_PAGE;
	return 0;
}

static int __init lbr_guest_init(void)
{
	int err;

	the_quirk = match_string(quirks, ARRAY_SIZE(quirks), quirk);
	if (the_quirk < 0 || (depth != 32 && depth != 16 && depth != 8))
		return -EINVAL;
	err = map_shared();
	if (err)
		return err;
	LBR_REQUEST(LBR_INIT);
	if (the_quirk != QUIRK_NO_BRANCHES) {
		groups[1] = &caps_group;
		err = route_snapshot();
		if (err)
			return err;
	}
	return perf_pmu_register(&pmu, "cpu", PERF_TYPE_RAW);
}
module_init(lbr_guest_init);

/* No exit: BPF programs may hold direct calls of snapshot(). */
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Emulated last branch records");
