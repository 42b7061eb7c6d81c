/* SPDX-License-Identifier: Apache-2.0 */
/* lbrctl: asks lbrd to trace, and shows what it captured. One command per file. */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/help.h"
#include "client/options.h"
#include "common/macro.h"

#define DEFAULT_SOCKET "/run/lbrd/lbrd.sock"

static const struct command *find_command(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[16], *like;
	size_t n = 0;

	for (const struct command *const *c = commands; *c && n < ARRAY_SIZE(names) - 1; c++)
		names[n++] = (*c)->name;
	names[n] = NULL;
	like = nearest(name, names);
	if (like)
		return usage_error(NULL, "there is no command '%s', did you mean '%s'?", name,
				   like);
	return usage_error(NULL, "there is no command '%s'", name);
}

/* The output buffer is too large for the stack of main(). */
static struct context context;

int main(int argc, char **argv)
{
	const char *socket = getenv("LBRD_SOCKET");
	const struct command *command;
	struct options options;

	setlocale(LC_CTYPE, "");
	/* A closed pipe is told by write(2), and is no failure. */
	signal(SIGPIPE, SIG_IGN);
	context.socket = socket && *socket ? socket : DEFAULT_SOCKET;
	output_init(&context.out, STDOUT_FILENO);

	options_init(&options, &context, NULL, NULL, argc, argv);
	if (options_next(&options) < 0)
		return options.exit_code;
	if (optind == argc)
		return usage_error(NULL, "say what to do, for example 'lbrctl attach prog 850'");
	argc -= optind;
	argv += optind;
	command = find_command(argv[0]);
	if (!command && !strcmp(argv[0], "help"))
		return print_help(argc > 1 ? find_command(argv[1]) : NULL);
	return command ? command->run(&context, argc, argv) : unknown_command(argv[0]);
}
