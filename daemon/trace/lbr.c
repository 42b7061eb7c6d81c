// SPDX-License-Identifier: Apache-2.0
/*
 * Branches are recorded on a CPU only while a perf event with a branch stack is scheduled there.
 * These events serve nothing else: nobody reads them, the tracers take the snapshots.
 *
 * The rule that must not break: no event is open while nobody needs it. An idle daemon holds no
 * counter of the machine.
 */
#include "daemon/trace/lbr.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/trace/cpus.h"

#define ONLINE_CPUS "/sys/devices/system/cpu/online"
#define CPU_LIST_BYTES 512
#define CPUS_MAX 8192 /* NR_CPUS of any x86-64 kernel */

/* The longest period that no kernel takes for negative: an interrupt every few hours or never. */
#define HUGE_PERIOD (1ULL << 62)

/* So many snapshots running without news are no coincidence: counting mode does not record. */
#define STALE_LIMIT 64

/*
 * So many on one CPU: its event may be dead. An event does not come back with its CPU, and a CPU
 * that went and came back between two looks is not missed.
 */
#define EMPTY_LIMIT 4

/* The event of a CPU, as the keeper has it. */
#define KEPT_NAME "lbrd-branches-%u"

struct lbr {
	const struct keeper *keeper;
	unsigned int n_users;
	unsigned int n_keepers; /* users whose events shall outlive this process */
	enum lbr_mode mode;
	bool types; /* the events ask for branch types */
	bool judged_counting; /* it was found out to deliver nothing; judged once */
	bool skip_counting; /* and sampling is there in its place */
	unsigned int n_stale;
	char online[CPU_LIST_BYTES]; /* what the fds were opened for */
	int *fds; /* by CPU; -1: none */
	unsigned int n_fds;
	uint8_t *n_empty; /* by CPU: snapshots running that were empty; as long as fds */
};

static int open_event(unsigned int cpu, enum lbr_mode mode, bool types)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.sample_type = PERF_SAMPLE_BRANCH_STACK,
		.sample_period = mode == LBR_SAMPLING ? HUGE_PERIOD : 0,
		.branch_sample_type = PERF_SAMPLE_BRANCH_KERNEL | PERF_SAMPLE_BRANCH_ANY |
				      (types ? PERF_SAMPLE_BRANCH_TYPE_SAVE : 0),
		/* Not to be rotated out when the counters are scarce: no rows without it. */
		.pinned = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

static void read_online(char *buffer)
{
	_cleanup_fclose_ FILE *file = fopen(ONLINE_CPUS, "re");

	/* Without sysfs there is at least this one. */
	if (!file || !fgets(buffer, CPU_LIST_BYTES, file))
		strcpy(buffer, "0");
}

/* What cannot be kept is opened anew by the lbrd that comes after. */
static void keep_event(struct lbr *lbr, unsigned int cpu)
{
	char name[KEPT_NAME_MAX];

	if (!lbr->n_keepers || lbr->fds[cpu] < 0)
		return;
	snprintf(name, sizeof(name), KEPT_NAME, cpu);
	(void)lbr->keeper->keep(name, lbr->fds[cpu], lbr->keeper->userdata);
}

static void forget_event(struct lbr *lbr, unsigned int cpu)
{
	char name[KEPT_NAME_MAX];

	if (!lbr->n_keepers || lbr->fds[cpu] < 0)
		return;
	snprintf(name, sizeof(name), KEPT_NAME, cpu);
	lbr->keeper->forget(name, lbr->keeper->userdata);
}

static void close_event(struct lbr *lbr, unsigned int cpu)
{
	forget_event(lbr, cpu);
	lbr->fds[cpu] = close_fd(lbr->fds[cpu]);
}

static void close_all(struct lbr *lbr)
{
	for (unsigned int i = 0; i < lbr->n_fds; i++)
		close_event(lbr, i);
	free(lbr->fds);
	free(lbr->n_empty);
	lbr->fds = NULL;
	lbr->n_empty = NULL;
	lbr->n_fds = 0;
	lbr->mode = LBR_CLOSED;
}

static int make_room(struct lbr *lbr, unsigned int cpu)
{
	uint8_t *n_empty;
	int *fds;

	if (cpu < lbr->n_fds)
		return 0;
	fds = reallocarray(lbr->fds, cpu + 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	lbr->fds = fds;
	n_empty = realloc(lbr->n_empty, cpu + 1);
	if (!n_empty)
		return -ENOMEM;
	lbr->n_empty = n_empty;
	while (lbr->n_fds <= cpu) {
		lbr->n_empty[lbr->n_fds] = 0;
		lbr->fds[lbr->n_fds++] = -1;
	}
	return 0;
}

/* One event on each CPU of the list that has none yet. ENODEV: it went offline meanwhile. */
static int open_missing(struct lbr *lbr, const char *cpus, enum lbr_mode mode, bool types)
{
	struct cpu_walk walk = cpu_walk_start(cpus);
	unsigned int cpu;

	while (cpu_walk_next(&walk, &cpu)) {
		int r = make_room(lbr, cpu);

		if (r)
			return r;
		if (lbr->fds[cpu] >= 0)
			continue;
		r = open_event(cpu, mode, types);
		if (r < 0 && r != -ENODEV)
			return r;
		lbr->fds[cpu] = r < 0 ? -1 : r;
		keep_event(lbr, cpu);
	}
	return 0;
}

/*
 * From the best to the least: without interrupts before with, with branch types before without.
 * AMD before 6.10 refuses counting, other PMUs do not know the types.
 */
static const struct {
	enum lbr_mode mode;
	bool types;
} attempts[] = {
	{ LBR_COUNTING, true },
	{ LBR_COUNTING, false },
	{ LBR_SAMPLING, true },
	{ LBR_SAMPLING, false },
};

static int open_all(struct lbr *lbr)
{
	int r = -EINVAL;

	read_online(lbr->online);
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		if (lbr->skip_counting && attempts[i].mode == LBR_COUNTING)
			continue;
		r = open_missing(lbr, lbr->online, attempts[i].mode, attempts[i].types);
		if (!r) {
			lbr->mode = attempts[i].mode;
			lbr->types = attempts[i].types;
			return 0;
		}
		close_all(lbr);
		if (r != -EINVAL && r != -EOPNOTSUPP)
			break;
	}
	return r;
}

static int translate(int r)
{
	switch (r) {
	case 0:
	case -ENOMEM:
		return r;
	case -ENOENT:
		return LBR_E_NO_HARDWARE;
	case -EOPNOTSUPP:
		return LBR_E_UNSUPPORTED;
	case -EACCES:
	case -EPERM:
		return LBR_E_PERMISSION;
	case -EMFILE:
	case -ENFILE:
		return LBR_E_TOO_MANY_FILES;
	default:
		return LBR_E_REFUSED;
	}
}

int lbr_new(const struct keeper *keeper, struct lbr **ret)
{
	struct lbr *lbr = calloc(1, sizeof(*lbr));

	if (!lbr)
		return -ENOMEM;
	lbr->keeper = keeper;
	*ret = lbr;
	return 0;
}

void lbr_free(struct lbr *lbr)
{
	if (!lbr)
		return;
	close_all(lbr);
	free(lbr);
}

int lbr_acquire(struct lbr *lbr)
{
	int r;

	if (lbr->n_users) {
		lbr->n_users++;
		return 0;
	}
	lbr->n_stale = 0;
	r = lbr->mode == LBR_CLOSED ? translate(open_all(lbr)) : 0;
	if (!r)
		lbr->n_users = 1;
	return r;
}

void lbr_release(struct lbr *lbr)
{
	if (!--lbr->n_users)
		close_all(lbr);
}

void lbr_keep(struct lbr *lbr)
{
	if (lbr->n_keepers++)
		return;
	for (unsigned int i = 0; i < lbr->n_fds; i++)
		keep_event(lbr, i);
}

void lbr_unkeep(struct lbr *lbr)
{
	for (unsigned int i = 0; lbr->n_keepers == 1 && i < lbr->n_fds; i++)
		forget_event(lbr, i);
	lbr->n_keepers--;
}

struct lbr_kind lbr_kind(const struct lbr *lbr)
{
	return (struct lbr_kind){ lbr->mode, lbr->types };
}

bool lbr_kept_cpu(const char *name, unsigned int *ret_cpu)
{
	char again[KEPT_NAME_MAX];

	if (sscanf(name, KEPT_NAME, ret_cpu) != 1 || *ret_cpu >= CPUS_MAX)
		return false;
	snprintf(again, sizeof(again), KEPT_NAME, *ret_cpu);
	return !strcmp(name, again);
}

int lbr_adopt(struct lbr *lbr, const struct lbr_kind *kind, unsigned int cpu, int fd)
{
	uint64_t id;
	int r = ioctl(fd, PERF_EVENT_IOC_ID, &id) ? -EBADMSG : make_room(lbr, cpu);

	if (!r && lbr->fds[cpu] >= 0)
		r = -EBADMSG;
	if (r) {
		close_fd(fd);
		return r;
	}
	lbr->fds[cpu] = fd;
	lbr->mode = kind->mode;
	lbr->types = kind->types;
	return 0;
}

static void close_departed(struct lbr *lbr, const char *cpus)
{
	struct cpu_walk walk = cpu_walk_start(cpus);
	unsigned int cpu, next = 0;

	while (cpu_walk_next(&walk, &cpu)) {
		for (; next < cpu && next < lbr->n_fds; next++)
			close_event(lbr, next);
		next = cpu + 1;
	}
	for (; next < lbr->n_fds; next++)
		close_event(lbr, next);
}

/* To be opened anew. */
static bool close_doubtful(struct lbr *lbr)
{
	bool closed = false;

	for (unsigned int cpu = 0; cpu < lbr->n_fds; cpu++)
		if (lbr->n_empty[cpu] >= EMPTY_LIMIT) {
			lbr->n_empty[cpu] = 0;
			close_event(lbr, cpu);
			closed = true;
		}
	return closed;
}

void lbr_follow_cpus(struct lbr *lbr)
{
	char online[CPU_LIST_BYTES];

	if (!lbr->n_users)
		return;
	if (lbr->mode == LBR_CLOSED) { /* an attempt to reopen them failed */
		(void)open_all(lbr);
		return;
	}
	read_online(online);
	if (!close_doubtful(lbr) && !strcmp(online, lbr->online))
		return;
	close_departed(lbr, online);
	/* What fails now is tried again next time, for the list is not taken as done. */
	if (open_missing(lbr, online, lbr->mode, lbr->types))
		*online = '\0';
	strcpy(lbr->online, online);
}

void lbr_observe(struct lbr *lbr, unsigned int cpu, bool stale)
{
	if (cpu < lbr->n_fds)
		lbr->n_empty[cpu] = stale ? MIN(lbr->n_empty[cpu] + 1, EMPTY_LIMIT) : 0;
	if (!stale) {
		lbr->n_stale = 0;
		return;
	}
	if (lbr->mode != LBR_COUNTING || lbr->judged_counting || ++lbr->n_stale < STALE_LIMIT)
		return;
	lbr->judged_counting = true;
	close_all(lbr);
	lbr->skip_counting = true;
	if (!open_all(lbr))
		return;
	/* Sampling is refused: better what there was, for good. */
	lbr->skip_counting = false;
	(void)open_all(lbr);
}

enum lbr_mode lbr_mode(const struct lbr *lbr)
{
	return lbr->mode;
}

unsigned int lbr_depth(const struct lbr *lbr)
{
	static const char *const paths[] = {
		"/sys/bus/event_source/devices/cpu/caps/branches",
		"/sys/bus/event_source/devices/cpu_core/caps/branches",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_fclose_ FILE *file = fopen(paths[i], "re");
		unsigned int depth;

		if (file && fscanf(file, "%u", &depth) == 1)
			return depth;
	}
	return 0;
}

unsigned int lbr_online_cpus(const struct lbr *lbr)
{
	char online[CPU_LIST_BYTES];
	struct cpu_walk walk;
	unsigned int cpu, n = 0;

	read_online(online);
	walk = cpu_walk_start(online);
	while (cpu_walk_next(&walk, &cpu))
		n++;
	return n;
}

int lbr_probe(struct lbr *lbr, int *ret_errno)
{
	struct cpu_walk walk;
	char online[CPU_LIST_BYTES];
	unsigned int cpu = 0;
	int r = -EINVAL;

	read_online(online);
	walk = cpu_walk_start(online);
	(void)cpu_walk_next(&walk, &cpu);
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		r = open_event(cpu, attempts[i].mode, attempts[i].types);
		if (r >= 0) {
			close_fd(r);
			r = 0;
			break;
		}
		if (r != -EINVAL && r != -EOPNOTSUPP)
			break;
	}
	if (ret_errno)
		*ret_errno = -r;
	return translate(r);
}

const char *lbr_error_message(int error)
{
	switch (error) {
	case LBR_E_NO_HARDWARE:
		return "This machine has no hardware performance counters, as is usual for virtual "
		       "machines, and so no branch records.";
	case LBR_E_UNSUPPORTED:
		return "The performance counters of this CPU, or their driver, have no branch "
		       "records.";
	case LBR_E_PERMISSION:
		return "The kernel does not allow lbrd to open performance events on all CPUs.";
	case LBR_E_TOO_MANY_FILES:
		return "lbrd has no file descriptor left for the performance events, which need "
		       "one per CPU.";
	default:
		return "The kernel refuses performance events with branch records, both counting "
		       "and sampling.";
	}
}

const char *lbr_error_hint(int error)
{
	switch (error) {
	case LBR_E_NO_HARDWARE:
		return "Use a machine with LBR (Intel, or AMD Zen 4 and newer with Linux 6.10), "
		       "have the hypervisor pass the PMU on, or attach with --no-branches.";
	case LBR_E_UNSUPPORTED:
		return "Use a CPU with LBR (Intel, or AMD Zen 4 and newer with Linux 6.10), or "
		       "attach with --no-branches.";
	case LBR_E_PERMISSION:
		return "Give lbrd CAP_PERFMON (it has it by its systemd unit), and check "
		       "kernel.perf_event_paranoid.";
	case LBR_E_TOO_MANY_FILES:
		return "Raise LimitNOFILE= of lbrd.service.";
	default:
		return "See the kernel's log for the PMU driver's reason, or attach with "
		       "--no-branches.";
	}
}
