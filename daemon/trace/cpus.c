// SPDX-License-Identifier: Apache-2.0
/* See cpus.h. Used instead of sysconf(), which tells how many CPUs are online, but not which. */
#include "daemon/trace/cpus.h"

#include <ctype.h>
#include <stdlib.h>

/* No machine has more; a larger number is garbage and must not make us allocate for it. */
#define CPU_LIMIT 65536

static bool parse_number(const char **position, unsigned int *ret)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)**position))
		return false;
	value = strtoul(*position, &end, 10);
	*position = end;
	*ret = (unsigned int)value;
	return value < CPU_LIMIT;
}

static bool parse_range(struct cpu_walk *walk)
{
	if (*walk->position == ',')
		walk->position++;
	if (!parse_number(&walk->position, &walk->next))
		return false;
	walk->last = walk->next;
	if (*walk->position == '-') {
		walk->position++;
		if (!parse_number(&walk->position, &walk->last) || walk->last < walk->next)
			return false;
	}
	return true;
}

bool cpu_walk_next(struct cpu_walk *walk, unsigned int *ret_cpu)
{
	if (!walk->in_range) {
		if (!parse_range(walk))
			return false;
		walk->in_range = true;
	}
	*ret_cpu = walk->next;
	if (walk->next++ == walk->last)
		walk->in_range = false;
	return true;
}
