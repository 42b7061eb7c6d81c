/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getopt_long(3) with its own messages silenced: lbrctl says what is wrong and what was probably
 * meant. Global options are taken before and after the name of the command alike.
 */
#include "client/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/help.h"
#include "common/macro.h"

#define LONGEST_WORD 64

enum {
	OPTION_SOCKET = 1,
	OPTION_COLOR,
	OPTION_WIDTH,
	OPTION_JSON,
};

static const struct option global_options[] = {
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "color", required_argument, NULL, OPTION_COLOR },
	{ "width", required_argument, NULL, OPTION_WIDTH },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
};

void options_init(struct options *options, struct context *context, const struct command *command,
		  const struct option *specific, int argc, char **argv)
{
	size_t n = ARRAY_SIZE(global_options);

	*options = (struct options){
		.context = context, .command = command, .argc = argc, .argv = argv
	};
	memcpy(options->table, global_options, sizeof(global_options));
	for (; specific && specific->name && n < OPTIONS_MAX - 1; specific++)
		options->table[n++] = *specific;
	opterr = 0;
	optind = 0; /* glibc: begin anew */
}

/* Levenshtein's distance: letters to insert, delete, replace. `b`: at most LONGEST_WORD. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST_WORD + 1], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
			size_t other = MIN(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = MIN(replaced, other);
		}
	}
	return row[length];
}

const char *nearest(const char *word, const char *const *candidates)
{
	size_t length = strlen(word), best = MAX(length / 2, (size_t)1) + 1;
	const char *found = NULL;

	if (!length || length > LONGEST_WORD)
		return NULL;
	for (; *candidates; candidates++) {
		size_t d = strncmp(*candidates, word, length) ? distance(word, *candidates) : 1;

		if (d < best) {
			best = d;
			found = *candidates;
		}
	}
	return found;
}

int usage_error(const struct command *command, const char *format, ...)
{
	va_list arguments;
	char text[512];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (command) {
		complain("%s: %s", command->name, text);
		hint("'lbrctl %s --help' shows how it is used", command->name);
	} else {
		complain("%s", text);
		hint("'lbrctl --help' shows all commands");
	}
	return STATUS_USAGE;
}

bool parse_number(const struct command *command, const char *what, const char *text, uint64_t min,
		  uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max) {
		if (max == INT64_MAX)
			usage_error(command, "%s must be a number from %llu on, not '%s'", what,
				    (unsigned long long)min, text);
		else
			usage_error(command, "%s must be a number from %llu to %llu, not '%s'",
				    what, (unsigned long long)min, (unsigned long long)max, text);
		return false;
	}
	*ret = value;
	return true;
}

static const char *option_name(const struct options *options, int value)
{
	for (const struct option *o = options->table; o->name; o++)
		if (o->val == value)
			return o->name;
	return "";
}

/* An option that getopt_long() did not take: `?` and `:` of its return values. */
static int explain(struct options *options, int c)
{
	const char *word = options->argv[optind - 1], *like, *names[OPTIONS_MAX];
	char name[LONGEST_WORD + 1];
	size_t n = 0, length;

	if (c == ':')
		return usage_error(options->command, "--%s wants a value",
				   option_name(options, optopt));
	if (strncmp(word, "--", 2))
		return usage_error(options->command, "unknown option '-%c'", optopt);
	if (optopt)
		return usage_error(options->command, "--%s takes no value",
				   option_name(options, optopt));
	word += 2;
	length = strcspn(word, "=");
	if (length <= LONGEST_WORD) {
		for (const struct option *o = options->table; o->name; o++)
			names[n++] = o->name;
		names[n] = NULL;
		memcpy(name, word, length);
		name[length] = '\0';
		like = nearest(name, names);
		if (like)
			return usage_error(options->command,
					   "unknown option '--%s', did you mean '--%s'?", name,
					   like);
	}
	return usage_error(options->command, "unknown option '--%s'", word);
}

static bool set_color(const struct command *command, struct context *context, const char *when)
{
	static const char *const words[] = { "auto", "always", "never", NULL };
	const char *like = nearest(when, words);

	for (int i = 0; words[i]; i++) {
		if (!strcmp(when, words[i])) {
			context->color = (enum color_when)i;
			return true;
		}
	}
	usage_error(command, "--color must be auto, always or never, not '%s'%s%s%s", when,
		    like ? "; did you mean '" : "", like ? like : "", like ? "'?" : "");
	return false;
}

/* A global option. False: it was wrong. */
static bool take(struct options *options, int c)
{
	struct context *context = options->context;
	uint64_t width = 0;

	switch (c) {
	case OPTION_SOCKET:
		context->socket = optarg;
		return true;
	case OPTION_COLOR:
		return set_color(options->command, context, optarg);
	case OPTION_WIDTH:
		if (!parse_number(options->command, "--width", optarg, TERMINAL_MIN_WIDTH, 10000,
				  &width))
			return false;
		context->width = (unsigned int)width;
		return true;
	case OPTION_JSON:
		context->json = true;
		return true;
	case 'h':
		options->help = true;
		return true;
	case 'V':
		options->version = true;
		return true;
	}
	return true;
}

static bool is_global(int c)
{
	for (size_t i = 0; i < ARRAY_SIZE(global_options); i++)
		if (c == global_options[i].val)
			return true;
	return false;
}

int options_next(struct options *options)
{
	const char *order = options->command ? ":hV" : "+:hV";
	int c;

	for (;;) {
		c = getopt_long(options->argc, options->argv, order, options->table, NULL);
		if (c == '?' || c == ':') {
			options->exit_code = explain(options, c);
			return -1;
		}
		if (c == -1)
			break;
		if (!is_global(c))
			return c;
		if (!take(options, c)) {
			options->exit_code = STATUS_USAGE;
			return -1;
		}
	}
	if (options->help || options->version) {
		options->exit_code = options->help ? print_help(options->command) : print_version();
		return -1;
	}
	terminal_init(&options->context->terminal, STDOUT_FILENO, options->context->color,
		      options->context->width);
	return 0;
}
