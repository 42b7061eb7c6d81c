/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: options known everywhere, and wrong ones answered with the nearest right one. */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/context.h"

#define OPTIONS_MAX 32

struct options {
	struct context *context;
	const struct command *command; /* NULL: the options before the command's name */
	int argc;
	char **argv;
	int exit_code; /* when options_next() returned -1 */
	bool version;
	bool help;
	struct option table[OPTIONS_MAX];
};

/*
 * `specific` ends with a zero entry, as in getopt_long(3); its values are from 'A' on, which says
 * nothing of short options: there are none but -h and -V. NULL: none.
 */
void options_init(struct options *options, struct context *context, const struct command *command,
		  const struct option *specific, int argc, char **argv);

/*
 * The next option of the command's own (`optarg` is set). 0: there is no further one, `optind` is
 * the first argument, the context is complete. -1: end with `exit_code`, all has been said.
 */
int options_next(struct options *options);

/* "lbrctl attach: …" and where to read on. `command` may be NULL. Returns STATUS_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const struct command *command,
						      const char *format, ...);

/* The one of `candidates` (NULL-terminated) that was probably meant by `word`; NULL: none. */
const char *nearest(const char *word, const char *const *candidates);

/* A decimal number from `min` to `max`. False: it is none, which has been said. */
bool parse_number(const struct command *command, const char *what, const char *text, uint64_t min,
		  uint64_t max, uint64_t *ret);
