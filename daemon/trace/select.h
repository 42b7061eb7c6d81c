/* SPDX-License-Identifier: Apache-2.0 */
/* Of one loaded program: the function that is meant, and whether it can be traced. */
#pragma once

#include <stddef.h>

#include "daemon/trace/programs.h"
#include "daemon/trace/targets.h"

/* LINUX_VERSION(6, 7): comparable; distributions put more behind the second number. */
#define LINUX_VERSION(major, minor) ((major) << 8 | (minor))

/* The running kernel's. */
unsigned int linux_version(void);

/*
 * Fills `ret` with `function` of `program` (NULL: the entry function), as far as it is known: it
 * names the failure, too. 0 or an enum target_error.
 */
int select_function(const struct program *program, const char *function, enum trace_mode mode,
		struct target *ret);

/*
 * Whether the kernel, and the tracer's own safety, let `target` of `program` be traced: 0 or an
 * enum target_error. `detail` gets the particulars, if any.
 */
int select_check(const struct program *program, const struct target *target,
		unsigned int kernel_version, char *detail, size_t size);
