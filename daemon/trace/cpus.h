/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's notation of a set of CPUs: "0-3,5,8-9". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Walks through the CPUs of a list: start with `*position` at its first character. False at the
 * end and at anything that is not of the notation.
 */
struct cpu_walk {
	const char *position;
	unsigned int next;
	unsigned int last; /* of the range that `next` stands in; meaningful when in_range */
	bool in_range;
};

static inline struct cpu_walk cpu_walk_start(const char *list)
{
	return (struct cpu_walk){ .position = list };
}

bool cpu_walk_next(struct cpu_walk *walk, unsigned int *ret_cpu);
