/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program is named in one word: an id, a name, tag=, pid=, a path, or `all`; a colon and the
 * name of one of its functions may follow. What cannot be meant is refused here, whether it exists
 * is decided by lbrd.
 */
#include "client/selector.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/fields.h"
#include "client/options.h"

#define TAG_DIGITS 16

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool is_identifier(const char *text)
{
	if (!isalpha((unsigned char)*text) && *text != '_')
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("_.$", *text))
			return false;
	return true;
}

static bool add_number(const struct command *command, struct json_object *selector,
		       const char *member, const char *what, const char *text, uint64_t max)
{
	uint64_t value;

	if (!parse_number(command, what, text, 1, max, &value))
		return false;
	json_object_object_add(selector, member, json_object_new_int64((int64_t)value));
	return true;
}

static void add_text(struct json_object *selector, const char *member, const char *text)
{
	json_object_object_add(selector, member, json_object_new_string(text));
}

static bool add_tag(const struct command *command, struct json_object *selector, const char *tag)
{
	if (strlen(tag) != TAG_DIGITS || tag[strspn(tag, "0123456789abcdefABCDEF")]) {
		usage_error(command, "a tag has %d hexadecimal digits, 'tag=%s' has not; "
			    "'lbrctl progs' lists them", TAG_DIGITS, tag);
		return false;
	}
	add_text(selector, "programTag", tag);
	return true;
}

/*
 * Cuts `:function` off. In a path a colon may belong to the name of the file: it counts only with
 * an identifier behind it, and a colon at the very end says that there is no function.
 */
static const char *split_function(char *spec)
{
	char *colon = strrchr(spec, ':');

	if (!colon || (*spec == '/' && colon[1] && !is_identifier(colon + 1)))
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static bool refuse_relative(const struct command *command, const char *spec)
{
	_cleanup_free_ char *directory = getcwd(NULL, 0);

	spec += strncmp(spec, "./", 2) ? 0 : 2;
	usage_error(command, "a pinned program is named by its absolute path: is it '%s/%s'?",
		    directory && directory[1] ? directory : "", spec);
	return false;
}

static bool add_program(const struct command *command, struct json_object *selector,
			const char *spec)
{
	static const char *const keys[] = { "tag", "pid", "id", "name", NULL };
	const char *equals = strchr(spec, '='), *like;
	_cleanup_free_ char *key = NULL;

	if (*spec == '/')
		add_text(selector, "programPath", spec);
	else if (strchr(spec, '/'))
		return refuse_relative(command, spec);
	else if (!strcmp(spec, "all"))
		json_object_object_add(selector, "allPrograms", json_object_new_boolean(true));
	else if (is_number(spec))
		return add_number(command, selector, "programId", "a program's id", spec,
				  UINT32_MAX);
	else if (!strncmp(spec, "id=", 3))
		return add_number(command, selector, "programId", "id=", spec + 3, UINT32_MAX);
	else if (!strncmp(spec, "tag=", 4))
		return add_tag(command, selector, spec + 4);
	else if (!strncmp(spec, "pid=", 4))
		return add_number(command, selector, "ownerProcessId", "pid=", spec + 4, INT32_MAX);
	else if (!strncmp(spec, "name=", 5) && spec[5])
		add_text(selector, "programName", spec + 5);
	else if (equals) {
		key = strndup(spec, (size_t)(equals - spec));
		like = key ? nearest(key, keys) : NULL;
		if (like)
			usage_error(command, "'%s=' is not known, did you mean '%s=%s'?", key,
				    like, equals + 1);
		else
			usage_error(command, "'%.*s=' is not known: tag=, pid=, id= and name= are",
				    (int)(equals - spec), spec);
		return false;
	} else {
		add_text(selector, "programName", spec);
	}
	return true;
}

static bool add_selector(const struct command *command, struct json_object *targets,
			 const char *word, bool program)
{
	_cleanup_json_ struct json_object *selector = json_object_new_object();
	_cleanup_free_ char *spec = strdup(word);
	const char *function;

	if (!selector || !spec) {
		complain("out of memory");
		return false;
	}
	if (!program) {
		add_text(selector, "kernelFunction", spec);
	} else {
		function = split_function(spec);
		if (!*spec || (function && !*function && *spec != '/')) {
			usage_error(command, "'%s' is not complete: write PROGRAM:FUNCTION", word);
			return false;
		}
		if (!add_program(command, selector, spec))
			return false;
		if (function && *function)
			add_text(selector, "function", function);
	}
	return json_object_array_add(targets, TAKE_PTR(selector)) == 0;
}

static bool refuse_start(const struct command *command, const char *word)
{
	static const char *const keywords[] = { "prog", "func", NULL };
	const char *like = is_number(word) ? NULL : nearest(word, keywords);

	if (like)
		usage_error(command, "there is no '%s', did you mean 'lbrctl %s %s ...'?", word,
			    command->name, like);
	else if (is_number(word) || strpbrk(word, "/=:"))
		usage_error(command, "is '%s' a program? Then say 'lbrctl %s prog %s'", word,
			    command->name, word);
	else
		usage_error(command, "is '%s' a program or a function? Say 'lbrctl %s prog %s' or "
			    "'lbrctl %s func %s'", word, command->name, word, command->name, word);
	return false;
}

bool selectors_parse(const struct command *command, int argc, char **argv,
		     struct json_object *targets)
{
	enum { NONE, PROGRAM, FUNCTION } kind = NONE;
	bool awaited = true;

	for (int i = 0; i < argc; i++) {
		bool program = !strcmp(argv[i], "prog"), function = !strcmp(argv[i], "func");

		if ((program || function) && !(awaited && kind != NONE)) {
			kind = program ? PROGRAM : FUNCTION;
			awaited = true;
			continue;
		}
		if (kind == NONE)
			return refuse_start(command, argv[i]);
		if (!*argv[i]) {
			usage_error(command, "the name of a target is empty");
			return false;
		}
		if (!add_selector(command, targets, argv[i], kind == PROGRAM))
			return false;
		awaited = false;
	}
	if (kind == NONE)
		usage_error(command, "say what to %s%s, for example 'lbrctl %s prog 850' "
			    "or 'lbrctl %s func tcp_v4_rcv'", command->name,
			    command == &command_attach ? " to" : "", command->name, command->name);
	else if (awaited)
		usage_error(command, kind == PROGRAM ?
				"which program? 'lbrctl progs' lists what is loaded" :
				"which function of the kernel?");
	return !awaited;
}
