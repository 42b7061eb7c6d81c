/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl status`: what works on this machine, what lbrd has done, and its limits. */
#include <inttypes.h>
#include <string.h>

#include "client/age.h"
#include "client/fields.h"
#include "client/options.h"
#include "client/render-table.h"
#include "client/request.h"
#include "client/text.h"
#include "client/words.h"

enum {
	OPTION_LIMITS = 'A',
};

static const struct option options_table[] = {
	{ "limits", no_argument, NULL, OPTION_LIMITS },
	{ NULL },
};

static const struct column limit_columns[] = {
	{ "LIMIT" },
	{ "VALUE", .right = true },
	{ "USED", .right = true },
	{ "UNIT" },
	{ "REASON", .shrink = SHRINK_WRAP },
	{ NULL },
};

static const struct column counter_columns[] = {
	{ "COUNTER" },
	{ "VALUE", .right = true },
	{ "MEANING", .shrink = SHRINK_WRAP },
	{ NULL },
};

static int show_limits(struct context *context, struct json_object *reply)
{
	struct json_object *limits = get_array(reply, "limits");
	_cleanup_(table_free_p) struct table *table = NULL;
	int r = table_new(limit_columns, &table);

	if (r < 0)
		return r;
	for (size_t i = 0; i < get_length(limits); i++) {
		struct json_object *limit = json_object_array_get_idx(limits, i);

		table_cell(table, "%s", get_string(limit, "name"));
		table_cell(table, "%" PRId64, get_int(limit, "value"));
		if (has_field(limit, "used"))
			table_cell(table, "%" PRId64, get_int(limit, "used"));
		else
			table_cell(table, "%s", "");
		table_cell(table, "%s", get_string(limit, "unit"));
		table_cell(table, "%s", get_string(limit, "reason"));
	}
	return table_render(table, &context->terminal, 0, &context->out);
}

static int show_counters(struct context *context, struct json_object *reply)
{
	struct json_object *counters = get_array(reply, "counters");
	_cleanup_(table_free_p) struct table *table = NULL;
	int r = table_new(counter_columns, &table);

	if (r < 0 || !get_length(counters))
		return r;
	for (size_t i = 0; i < get_length(counters); i++) {
		struct json_object *counter = json_object_array_get_idx(counters, i);

		table_cell(table, "%s", get_string(counter, "name"));
		table_cell(table, "%" PRId64, get_int(counter, "value"));
		table_cell(table, "%s", get_string(counter, "meaning"));
	}
	output_append(&context->out, "\n", 1);
	return table_render(table, &context->terminal, 0, &context->out);
}

#define LABEL_WIDTH 16

/* "branch records   yes, 32 entries": text from lbrd, hence sanitized, and broken into lines. */
static void show_line(struct context *context, const char *name, enum style style,
		      struct words *words)
{
	const struct terminal *terminal = &context->terminal;
	unsigned int width = terminal->width ? terminal->width - LABEL_WIDTH - 1 : 0;
	size_t length = text_sanitize(words->text, words->text, words->length, terminal->utf8), n;
	const char *text = words->text;
	struct output *out = &context->out;

	for (size_t i = 0; i < length; i += n + (i + n < length && text[i + n] == ' ')) {
		n = text_line(text + i, length - i, width);
		output_printf(out, "%-*s ", LABEL_WIDTH, i ? "" : name);
		output_string(out, terminal->styles[style]);
		output_append(out, text + i, n);
		output_string(out, terminal->styles[STYLE_NONE]);
		output_append(out, "\n", 1);
	}
}

static void show_ability(struct context *context, struct json_object *reply, const char *name,
			 const char *member, const char *problem, struct words *words)
{
	if (get_bool(reply, member)) {
		show_line(context, name, STYLE_GOOD, words);
		return;
	}
	*words = (struct words){ "" };
	words_add(words, "no: %s", get_string(reply, problem));
	show_line(context, name, STYLE_BAD, words);
}

static void show_abilities(struct context *context, struct json_object *reply)
{
	const char *mode = get_string(reply, "branchRecordsMode");
	struct words words = { "" };

	words_add(&words, "yes");
	if (has_field(reply, "branchDepth"))
		words_add(&words, "%" PRId64 " entries", get_int(reply, "branchDepth"));
	if (*mode)
		words_add(&words, "%s now", mode);
	show_ability(context, reply, "branch records", "branchRecords", "branchRecordsProblem",
		     &words);
	words = (struct words){ "yes", 3 };
	show_ability(context, reply, "tracing", "tracing", "tracingProblem", &words);
	words = (struct words){ "yes", 3 };
	show_ability(context, reply, "addresses", "addresses", "addressesProblem", &words);
}

static void describe_index(struct json_object *index, struct words *words)
{
	const char *state = get_string(index, "state");

	words_add(words, "%s: %s", get_string(index, "name"), state);
	if (has_field(index, "percent"))
		words_add(words, "%" PRId64 " %%", get_int(index, "percent"));
	if (has_field(index, "size"))
		words_add(words, "%.1f MB", (double)get_int(index, "size") / 1e6);
	if (has_field(index, "message") &&
	    (!strcmp(state, "failed") || !strcmp(get_string(index, "name"), "vmlinux")))
		words_add(words, "%s", get_string(index, "message"));
}

/* Of the modules without an index, which are most of them on most machines, only the number. */
static void show_indexes(struct context *context, struct json_object *reply)
{
	struct json_object *indexes = get_array(reply, "indexes");
	const char *name = "source lines";
	struct words words;
	size_t absent = 0;

	for (size_t i = 0; i < get_length(indexes); i++) {
		struct json_object *index = json_object_array_get_idx(indexes, i);
		bool missing = !strcmp(get_string(index, "state"), "absent");

		if (missing && strcmp(get_string(index, "name"), "vmlinux")) {
			absent++;
			continue;
		}
		words = (struct words){ "" };
		describe_index(index, &words);
		show_line(context, name, STYLE_NONE, &words);
		name = "";
	}
	if (absent) {
		words = (struct words){ "" };
		words_add(&words, "%zu %s without", absent, absent == 1 ? "module" : "modules");
		show_line(context, name, STYLE_NONE, &words);
	}
}

static void show_policy(struct context *context, struct json_object *reply)
{
	struct json_object *rights = get_array(reply, "rights");
	struct words words = { "" };

	if (!rights)
		return;
	for (size_t i = 0; i < get_length(rights); i++)
		words_add(&words, "%s",
			  json_object_get_string(json_object_array_get_idx(rights, i)));
	show_line(context, "you may", STYLE_NONE, &words);
	words = (struct words){ "" };
	if (get_bool(reply, "policyBuiltIn"))
		words_add(&words, "built in: there is no %s", get_string(reply, "policyFile"));
	else
		words_add(&words, "%s", get_string(reply, "policyFile"));
	show_line(context, "policy", STYLE_NONE, &words);
	if (!has_field(reply, "policyProblem"))
		return;
	words = (struct words){ "" };
	words_add(&words, "refused: %s", get_string(reply, "policyProblem"));
	show_line(context, "", STYLE_BAD, &words);
}

static int show(struct context *context, struct json_object *reply)
{
	struct words words = { "" };
	char age[32];
	int r;

	age_format(get_int(reply, "since"), age, sizeof(age));
	words_add(&words, "%s", get_string(reply, "version"));
	words_add(&words, "process %" PRId64, get_int(reply, "processId"));
	words_add(&words, "running for %s", age);
	show_line(context, "lbrd", STYLE_NONE, &words);

	words = (struct words){ "" };
	words_add(&words, "%s", get_string(reply, "kernel"));
	words_add(&words, "%" PRId64 " CPU%s", get_int(reply, "onlineCpus"),
		  get_int(reply, "onlineCpus") == 1 ? "" : "s");
	if (has_field(reply, "cpu"))
		words_add(&words, "%s", get_string(reply, "cpu"));
	show_line(context, "kernel", STYLE_NONE, &words);
	show_abilities(context, reply);
	show_indexes(context, reply);

	show_policy(context, reply);

	words = (struct words){ "" };
	words_add(&words, "%" PRId64, get_int(reply, "attachments"));
	words_add(&words, "observers %" PRId64, get_int(reply, "observers"));
	show_line(context, "attachments", STYLE_NONE, &words);
	r = show_counters(context, reply);
	return r < 0 ? request_failed(context, r) : STATUS_OK;
}

static int run(struct context *context, int argc, char **argv)
{
	_cleanup_json_ struct json_object *reply = NULL;
	struct options options;
	bool limits = false;
	int r;

	options_init(&options, context, &command_status, options_table, argc, argv);
	while ((r = options_next(&options)) > 0)
		limits = true;
	if (r < 0)
		return options.exit_code;
	if (optind < argc)
		return usage_error(&command_status, "it takes no arguments, '%s' is one too many",
				   argv[optind]);
	r = request(context, "io.lbrd.Describe", NULL, &reply);
	if (reply && limits) {
		r = show_limits(context, reply);
		r = r < 0 ? request_failed(context, r) : STATUS_OK;
	} else if (reply) {
		r = show(context, reply);
	}
	return request_finish(context, r);
}

const struct command command_status = {
	.name = "status",
	.arguments = "[OPTION...]",
	.summary = "what works on this machine, and how lbrd is",
	.help =
		"Tells whether branch records, tracing and kernel addresses can be had, if not\n"
		"why, and what lbrd has counted so far.\n"
		"\n"
		"Options:\n"
		"  --limits         every limit of lbrd with its reason",
	.run = run,
};
