/* SPDX-License-Identifier: Apache-2.0 */
/* The words for losses stand here and nowhere else, for inline lines, totals and tables alike. */
#include "client/losses.h"

#include <inttypes.h>
#include <stdio.h>

const char *const loss_members[LOSS_COUNT] = {
	[LOSS_RING_FULL] = "ringFull",   [LOSS_SLOT_BUSY] = "slotBusy",
	[LOSS_RECURSION] = "recursion",  [LOSS_RATE] = "rate",
	[LOSS_MALFORMED] = "malformed",  [LOSS_SLOW_OBSERVER] = "slowObserver",
};

const char *const loss_names[LOSS_COUNT] = {
	[LOSS_RING_FULL] = "ring full",  [LOSS_SLOT_BUSY] = "slot busy",
	[LOSS_RECURSION] = "recursion",  [LOSS_RATE] = "rate limit",
	[LOSS_MALFORMED] = "malformed",  [LOSS_SLOW_OBSERVER] = "slow observer",
};

const char *const loss_reasons[LOSS_COUNT] = {
	[LOSS_RING_FULL] = "the kernel's ring buffer was full",
	[LOSS_SLOT_BUSY] = "the CPU's snapshot slot was in use",
	[LOSS_RECURSION] = "the tracer would have interrupted itself",
	[LOSS_RATE] = "more per second than --rate allows",
	[LOSS_MALFORMED] = "lbrd could not decode the record",
	[LOSS_SLOW_OBSERVER] = "lbrctl did not read fast enough",
};

uint64_t losses_sum(const struct losses *losses)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOSS_COUNT; i++)
		sum += losses->count[i];
	return sum;
}

void losses_add(struct losses *losses, const struct losses *more)
{
	for (int i = 0; i < LOSS_COUNT; i++)
		losses->count[i] += more->count[i];
}

void losses_format(const struct losses *losses, char *buffer, size_t size)
{
	size_t length = 0;

	buffer[0] = '\0';
	for (int i = 0; i < LOSS_COUNT && length < size; i++) {
		if (!losses->count[i])
			continue;
		length += (size_t)snprintf(buffer + length, size - length, "%s%s %" PRIu64,
					   length ? ", " : "", loss_names[i], losses->count[i]);
	}
}
