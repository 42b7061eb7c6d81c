/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl progs`: the BPF programs that can be traced, and why the others cannot. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/age.h"
#include "client/fields.h"
#include "client/options.h"
#include "client/render-table.h"
#include "client/request.h"
#include "client/words.h"

static const struct column columns[] = {
	{ "ID", .right = true },
	{ "TYPE", .shrink = SHRINK_WRAP },
	{ "NAME", .shrink = SHRINK_START },
	{ "TAG" },
	{ "AGE", .right = true },
	{ "TRACE" },
	{ "FUNCTIONS", .shrink = SHRINK_WRAP },
	{ NULL },
};

/* The functions besides the entry function, which has the name of the program. */
static void add_functions(struct table *table, struct json_object *program)
{
	struct json_object *functions = get_array(program, "functions");
	struct words words = { "" };

	for (size_t i = 0; i < get_length(functions); i++) {
		const char *name =
			get_string(json_object_array_get_idx(functions, i), "name");

		if (strcmp(name, get_string(program, "name")))
			words_add(&words, "%s", name);
	}
	table_cell(table, "%s", words.text);
}

/* "yes", "no", or the attachments that trace it already. */
static void add_traceable(struct table *table, struct json_object *program)
{
	struct json_object *attachments = get_array(program, "attachments");
	struct words words = { "" };

	for (size_t i = 0; i < get_length(attachments); i++)
		words_add(&words, "#%" PRId64,
			  json_object_get_int64(json_object_array_get_idx(attachments, i)));
	if (!words.length)
		words_add(&words, get_bool(program, "traceable") ? "yes" : "no");
	table_cell(table, "%s", words.text);
}

static void add_program(struct table *table, struct json_object *program)
{
	char age[32];

	age_format(get_int(program, "loadedAt"), age, sizeof(age));
	table_cell(table, "%" PRId64, get_int(program, "id"));
	table_cell(table, "%s", get_string(program, "type"));
	table_cell(table, "%s", get_string(program, "name"));
	table_cell(table, "%s", get_string(program, "tag"));
	table_cell(table, "%s", age);
	add_traceable(table, program);
	if (get_bool(program, "traceable"))
		add_functions(table, program);
	else
		table_cell(table, "%s", get_string(program, "obstacle"));
}

/* Part of the name, of the type or of a function's name, the start of the tag, or the id. */
static bool matches(struct json_object *program, const char *filter)
{
	struct json_object *functions = get_array(program, "functions");
	char id[32];

	snprintf(id, sizeof(id), "%" PRId64, get_int(program, "id"));
	if (!filter || !strcmp(id, filter) || strstr(get_string(program, "name"), filter) ||
	    strstr(get_string(program, "type"), filter) ||
	    !strncmp(get_string(program, "tag"), filter, strlen(filter)))
		return true;
	for (size_t i = 0; i < get_length(functions); i++)
		if (strstr(get_string(json_object_array_get_idx(functions, i), "name"), filter))
			return true;
	return false;
}

static int show(struct context *context, struct json_object *reply, const char *filter)
{
	struct json_object *programs = get_array(reply, "programs");
	_cleanup_(table_free_p) struct table *table = NULL;
	size_t shown = 0;
	int r = table_new(columns, &table);

	if (r < 0)
		return request_failed(context, r);
	for (size_t i = 0; i < get_length(programs); i++) {
		struct json_object *program = json_object_array_get_idx(programs, i);

		if (!matches(program, filter))
			continue;
		add_program(table, program);
		shown++;
	}
	if (!shown) {
		if (filter && get_length(programs))
			tell("none of %zu BPF programs matches '%s'", get_length(programs), filter);
		else
			tell("no BPF program is loaded");
		return STATUS_OK;
	}
	r = table_render(table, &context->terminal, 0, &context->out);
	return r < 0 ? request_failed(context, r) : STATUS_OK;
}

static int run(struct context *context, int argc, char **argv)
{
	_cleanup_json_ struct json_object *reply = NULL;
	struct options options;
	int r;

	options_init(&options, context, &command_progs, NULL, argc, argv);
	if (options_next(&options) < 0)
		return options.exit_code;
	if (argc - optind > 1)
		return usage_error(&command_progs, "it takes one filter, '%s' is one too many",
				   argv[optind + 1]);
	if (context->json && optind < argc)
		return usage_error(&command_progs, "--json prints all programs: filter it with jq");
	r = request(context, "io.lbrd.Programs", NULL, &reply);
	if (reply)
		r = show(context, reply, argv[optind]);
	return request_finish(context, r);
}

const struct command command_progs = {
	.name = "progs",
	.arguments = "[OPTION...] [FILTER]",
	.summary = "list the BPF programs that can be traced",
	.help =
		"Lists the loaded BPF programs: what 'lbrctl attach prog' takes, whether or by\n"
		"which attachments (#) they are traced, and the functions that may follow a colon\n"
		"there, or why it cannot be traced. FILTER is an id, part of a name or type, or\n"
		"the start of a tag.",
	.run = run,
};
