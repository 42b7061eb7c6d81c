/* SPDX-License-Identifier: Apache-2.0 */
/* Branch records that are always there. */
#include "daemon/trace/lbr.h"

#include <errno.h>
#include <stdlib.h>

struct lbr {
	unsigned int n_users;
};

int lbr_new(const struct keeper *keeper, struct lbr **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void lbr_free(struct lbr *lbr)
{
	free(lbr);
}

int lbr_acquire(struct lbr *lbr)
{
	lbr->n_users++;
	return 0;
}

void lbr_release(struct lbr *lbr)
{
	lbr->n_users--;
}

void lbr_keep(struct lbr *lbr)
{
}

void lbr_unkeep(struct lbr *lbr)
{
}

struct lbr_kind lbr_kind(const struct lbr *lbr)
{
	return (struct lbr_kind){.mode = LBR_COUNTING, .types = true};
}

bool lbr_kept_cpu(const char *name, unsigned int *ret_cpu)
{
	return false;
}

int lbr_adopt(struct lbr *lbr, const struct lbr_kind *kind, unsigned int cpu, int fd)
{
	return -EBADMSG;
}

void lbr_follow_cpus(struct lbr *lbr)
{
}

void lbr_observe(struct lbr *lbr, unsigned int cpu, bool stale)
{
}

enum lbr_mode lbr_mode(const struct lbr *lbr)
{
	return lbr->n_users ? LBR_COUNTING : LBR_CLOSED;
}

unsigned int lbr_depth(const struct lbr *lbr)
{
	return 32;
}

unsigned int lbr_online_cpus(const struct lbr *lbr)
{
	return 1;
}

int lbr_probe(struct lbr *lbr, int *ret_errno)
{
	return 0;
}

const char *lbr_error_message(int error)
{
	return "";
}

const char *lbr_error_hint(int error)
{
	return "";
}
