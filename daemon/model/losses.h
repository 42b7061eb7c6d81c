/* SPDX-License-Identifier: Apache-2.0 */
/* How many events were lost, by the place where it happened: Losses in io.lbrd.varlink. */
#pragma once

#include <stdint.h>

enum loss_cause {
	LOSS_RING_FULL, /* kernel: no room in the ring buffer */
	LOSS_SLOT_BUSY, /* kernel: no slot free to take the snapshot into */
	LOSS_RECURSION, /* kernel: the tracer would have interrupted itself */
	LOSS_RATE, /* more per second than the attachment's filter allows */
	LOSS_MALFORMED, /* lbrd: not a well-formed record */
	LOSS_SLOW_OBSERVER, /* lbrd: skipped for an observer that does not read fast enough */
	N_LOSS_CAUSES,
};

struct losses {
	uint64_t by_cause[N_LOSS_CAUSES];
};

static inline uint64_t losses_total(const struct losses *losses)
{
	uint64_t total = 0;

	for (int cause = 0; cause < N_LOSS_CAUSES; cause++)
		total += losses->by_cause[cause];
	return total;
}

static inline void losses_add(struct losses *losses, const struct losses *more)
{
	for (int cause = 0; cause < N_LOSS_CAUSES; cause++)
		losses->by_cause[cause] += more->by_cause[cause];
}
