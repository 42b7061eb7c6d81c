/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of lbrctl is given, and how it ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/output.h"
#include "client/terminal.h"

/* The exit codes; documented in `lbrctl --help` and lbrctl(1). */
enum exit_code {
	STATUS_OK = 0,
	STATUS_REFUSED = 1, /* lbrd answered with an error */
	STATUS_USAGE = 2,
	STATUS_UNREACHABLE = 3, /* no connection to lbrd */
	STATUS_ENDED_EARLY = 4, /* the connection was lost, or lbrd shut down */
	STATUS_NOT_UNDERSTOOD = 5, /* the reply is not what the interface says */
	STATUS_FAILED = 6, /* lbrctl itself: out of memory, standard output */
};

struct context {
	const char *socket;
	bool json;
	enum color_when color;
	unsigned int width; /* 0: the terminal's */
	struct terminal terminal; /* of standard output; valid when the options have been read */
	struct output out;
};

struct command {
	const char *name;
	const char *arguments; /* as in the usage line; several lines are several forms */
	const char *summary; /* one line, for the list of commands */
	const char *help; /* arguments and options, whole lines */
	/* `argv[0]` is the name of the command. Returns an enum exit_code. */
	int (*run)(struct context *context, int argc, char **argv);
};

extern const struct command command_attach, command_detach, command_dump, command_list,
	command_progs, command_status, command_watch;

/* "lbrctl: …" and "hint: …" on standard error, one line each, sanitized. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
__attribute__((format(printf, 1, 2))) void hint(const char *format, ...);
/* A line of progress on standard error. */
__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);
