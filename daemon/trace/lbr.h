/* SPDX-License-Identifier: Apache-2.0 */
/* The perf events that make the CPUs record branches, open only while somebody needs them. */
#pragma once

#include <stdbool.h>

#include "daemon/trace/keeper.h"

struct lbr;

enum lbr_error {
	LBR_E_NO_HARDWARE = 1, /* ENOENT: no hardware PMU, as in most virtual machines */
	LBR_E_UNSUPPORTED, /* EOPNOTSUPP: a PMU without branch records */
	LBR_E_PERMISSION, /* EACCES, EPERM */
	LBR_E_TOO_MANY_FILES, /* EMFILE, ENFILE */
	LBR_E_REFUSED, /* EINVAL in counting and in sampling mode, or another errno */
};

enum lbr_mode {
	LBR_CLOSED,
	LBR_COUNTING, /* no sample period: no interrupts */
	LBR_SAMPLING, /* a huge fixed period, for kernels that need one */
};

/* `keeper` outlives the lbr; NULL: no event outlives this process. */
int lbr_new(const struct keeper *keeper, struct lbr **ret);
void lbr_free(struct lbr *lbr);

/*
 * Counts users; the first opens one event per online CPU: counting first, sampling with a huge
 * period on EINVAL. Positive: enum lbr_error; nothing stays open then.
 */
int lbr_acquire(struct lbr *lbr);
/* The last user closes all events. */
void lbr_release(struct lbr *lbr);

/*
 * From now on, and through all that changes, the events outlive this process; to be called once for
 * each user that needs it, after lbr_acquire().
 */
void lbr_keep(struct lbr *lbr);
/* Takes it back; the last one lets go of them. To be followed by keeper.settle(). */
void lbr_unkeep(struct lbr *lbr);
/* How the events were opened, to be given to lbr_adopt() by a later lbrd. */
struct lbr_kind {
	enum lbr_mode mode;
	bool types; /* with branch types */
};
struct lbr_kind lbr_kind(const struct lbr *lbr);
/* The CPU of an event that was kept under this name; false: it is no such name. */
bool lbr_kept_cpu(const char *name, unsigned int *ret_cpu);
/*
 * Before there are users: takes over the event that an earlier lbrd had open on `cpu`, descriptor
 * included, also when it fails. -EBADMSG: it is no perf event. When all are taken over,
 * lbr_acquire() opens nothing; lbr_follow_cpus() opens what is missing.
 */
int lbr_adopt(struct lbr *lbr, const struct lbr_kind *kind, unsigned int cpu, int fd);

/*
 * Follows CPU hotplug: opens events on CPUs that came and closes those of CPUs that went, and opens
 * anew where several snapshots running were empty. To be called now and then (once a second) while
 * acquired; cheap when nothing changed.
 */
void lbr_follow_cpus(struct lbr *lbr);

/*
 * Health: told of each snapshot whether it was empty or identical to the previous one on its CPU.
 * Counting mode that delivers nothing in `n` snapshots running (Intel 6.8 to 6.11, before kernel
 * commit ef493f4b122d) is replaced by sampling, once.
 */
void lbr_observe(struct lbr *lbr, unsigned int cpu, bool stale);

enum lbr_mode lbr_mode(const struct lbr *lbr);
/*
 * Entries of the branch stack, by caps/branches of the cpu or cpu_core PMU; 0: not known. Both are
 * read from sysfs each time, `lbr` may be NULL.
 */
unsigned int lbr_depth(const struct lbr *lbr);
unsigned int lbr_online_cpus(const struct lbr *lbr);
/* Tries to open one event and closes it again: 0 or an enum lbr_error; `ret_errno` optional. */
int lbr_probe(struct lbr *lbr, int *ret_errno);
/* One sentence of what the error means, one of what to do next. Static strings. */
const char *lbr_error_message(int error);
const char *lbr_error_hint(int error);
