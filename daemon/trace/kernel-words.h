/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel means by refusing a tracer. */
#pragma once

#include <stddef.h>

#include "daemon/trace/targets.h"

/* The last sentence of a verifier log, without its statistics; "" when there is none. */
void kernel_words_last(const char *log, char *buffer, size_t size);

/* Why loading a tracer for `target` failed; `log` is the verifier's. `detail` is always written. */
enum target_error kernel_words_load(const struct target *target, int error, const char *log,
		char *detail, size_t size);
/* Why attaching it failed. */
enum target_error kernel_words_attach(const struct target *target, int error, char *detail,
		size_t size);
