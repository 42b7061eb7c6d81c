/* SPDX-License-Identifier: Apache-2.0 */
/* Events that did not arrive, counted by the place where they were lost. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum loss {
	LOSS_RING_FULL,
	LOSS_SLOT_BUSY,
	LOSS_RECURSION,
	LOSS_RATE,
	LOSS_MALFORMED,
	LOSS_SLOW_OBSERVER,
	LOSS_COUNT,
};

struct losses {
	uint64_t count[LOSS_COUNT];
};

/* The record `lost` of the stream. */
struct lost {
	uint64_t count;
	struct losses losses;
	bool has_sequences;
	uint64_t first_sequence;
	uint64_t last_sequence;
};

/* The member of Losses in io.lbrd, a name for a list, and a clause for a sentence. */
extern const char *const loss_members[LOSS_COUNT];
extern const char *const loss_names[LOSS_COUNT];
extern const char *const loss_reasons[LOSS_COUNT];

uint64_t losses_sum(const struct losses *losses);
void losses_add(struct losses *losses, const struct losses *more);

/* "ring full 56000, slow observer 788" of what is not zero; "" when all is. Always terminated. */
void losses_format(const struct losses *losses, char *buffer, size_t size);
