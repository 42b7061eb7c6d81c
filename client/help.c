/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of --help. docs/lbrctl.1 says the same at length: a change here is a change there. */
#include "client/help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct command *const commands[] = {
	&command_attach, &command_watch, &command_detach, &command_list,
	&command_progs,	 &command_dump,	 &command_status, NULL,
};

static const char synopsis[] =
	"usage: lbrctl [OPTION...] COMMAND [ARGUMENT...]\n"
	"\n"
	"Shows which way the CPU went through a BPF program or a kernel function: lbrd\n"
	"captures its last branch records, lbrctl asks for them and prints them.\n"
	"\n"
	"  lbrctl attach prog 850        the branches of BPF program 850, until Ctrl-C\n"
	"  lbrctl progs                  which programs there are\n"
	"\n"
	"Commands:\n";

static const char global_options[] =
	"Options of every command:\n"
	"  --json           print what lbrd says, one JSON object per line\n"
	"  --color WHEN     auto (default), always or never; NO_COLOR is respected\n"
	"  --width N        lay out for N columns instead of the terminal's width\n"
	"  --socket PATH    where lbrd listens: else $LBRD_SOCKET, else /run/lbrd/lbrd.sock\n"
	"  -h, --help       this help, or that of a command\n"
	"  -V, --version    the version of lbrctl\n";

static const char exit_codes[] =
	"Exit codes:\n"
	"  0  all went well, or nobody reads standard output any more\n"
	"  1  lbrd refused, and said why\n"
	"  2  wrong usage\n"
	"  3  lbrd cannot be reached\n"
	"  4  the connection was lost or lbrd shut down before the end\n"
	"  5  the answer was not understood: lbrd and lbrctl do not fit together\n"
	"  6  lbrctl itself failed: out of memory, standard output not writable\n";

static int finish(void)
{
	if (fflush(stdout) == 0 || errno == EPIPE)
		return STATUS_OK;
	complain("cannot write: %s", strerror(errno));
	return STATUS_FAILED;
}

static void print_usage(const struct command *command)
{
	const char *form = command->arguments;

	for (const char *word = "usage:"; form; word = "   or:") {
		size_t length = strcspn(form, "\n");

		printf("%s lbrctl %s%s%.*s\n", word, command->name, length ? " " : "", (int)length,
		       form);
		form = form[length] ? form + length + 1 : NULL;
	}
}

int print_help(const struct command *command)
{
	if (command) {
		print_usage(command);
		printf("\n%s\n\n%s", command->help, global_options);
		return finish();
	}
	fputs(synopsis, stdout);
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-8s %s\n", (*c)->name, (*c)->summary);
	printf("\n'lbrctl COMMAND --help' says more, and so does lbrctl(1).\n\n%s\n%s",
	       global_options, exit_codes);
	return finish();
}

int print_version(void)
{
	puts("lbrctl " LBRD_VERSION);
	return finish();
}
