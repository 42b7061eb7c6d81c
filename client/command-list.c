/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl list`: the attachments there are. */
#include <inttypes.h>

#include "client/age.h"
#include "client/attachment.h"
#include "client/fields.h"
#include "client/options.h"
#include "client/render-table.h"
#include "client/request.h"
#include "client/user.h"
#include "client/words.h"

static const struct column columns[] = {
	{ "ID", .right = true },
	{ "EVENTS", .right = true },
	{ "LOST", .right = true },
	{ "OBSERVERS", .right = true },
	{ "OWNER" },
	{ "AGE", .right = true },
	{ "OPTIONS", .shrink = SHRINK_WRAP },
	{ "TARGETS", .shrink = SHRINK_WRAP },
	{ NULL },
};

static void add_options(struct table *table, struct json_object *attachment)
{
	struct json_object *filter = get_object(attachment, "filter");
	struct words words = { "" };

	if (get_bool(attachment, "persistent"))
		words_add(&words, "keep");
	if (has_field(filter, "processId"))
		words_add(&words, "pid %" PRId64, get_int(filter, "processId"));
	if (has_field(filter, "limit"))
		words_add(&words, "limit %" PRId64, get_int(filter, "limit"));
	if (has_field(filter, "maxPerSecond"))
		words_add(&words, "rate %" PRId64, get_int(filter, "maxPerSecond"));
	if (get_bool(attachment, "withoutBranches"))
		words_add(&words, "no branches");
	table_cell(table, "%s", words.text);
}

static void add_targets(struct table *table, struct json_object *attachment)
{
	struct json_object *targets = get_array(attachment, "targets");
	struct words words = { "" };
	char target[384];

	for (size_t i = 0; i < get_length(targets); i++) {
		attachment_format_target(json_object_array_get_idx(targets, i), target,
					 sizeof(target));
		words_add(&words, "%s", target);
	}
	table_cell(table, "%s", words.text);
}

static void add_attachment(struct table *table, struct json_object *attachment)
{
	char owner[64], age[32];
	struct losses losses;

	get_losses(get_object(attachment, "losses"), &losses);
	user_name(get_int(attachment, "ownerUserId"), owner, sizeof(owner));
	age_format(get_int(attachment, "since"), age, sizeof(age));
	table_cell(table, "%" PRId64, get_int(attachment, "id"));
	table_cell(table, "%" PRId64, get_int(attachment, "events"));
	table_cell(table, "%" PRIu64, losses_sum(&losses));
	table_cell(table, "%" PRId64, get_int(attachment, "observers"));
	table_cell(table, "%s/%" PRId64, owner, get_int(attachment, "ownerProcessId"));
	table_cell(table, "%s", age);
	add_options(table, attachment);
	add_targets(table, attachment);
}

static int show(struct context *context, struct json_object *reply)
{
	struct json_object *attachments = get_array(reply, "attachments");
	_cleanup_(table_free_p) struct table *table = NULL;
	int r;

	if (!get_length(attachments)) {
		tell("nothing is attached");
		return STATUS_OK;
	}
	r = table_new(columns, &table);
	if (r < 0)
		return request_failed(context, r);
	for (size_t i = 0; i < get_length(attachments); i++)
		add_attachment(table, json_object_array_get_idx(attachments, i));
	r = table_render(table, &context->terminal, 0, &context->out);
	return r < 0 ? request_failed(context, r) : STATUS_OK;
}

static int run(struct context *context, int argc, char **argv)
{
	_cleanup_json_ struct json_object *reply = NULL;
	struct options options;
	int r;

	options_init(&options, context, &command_list, NULL, argc, argv);
	if (options_next(&options) < 0)
		return options.exit_code;
	if (optind < argc)
		return usage_error(&command_list, "it takes no arguments, '%s' is one too many",
				   argv[optind]);
	r = request(context, "io.lbrd.List", NULL, &reply);
	if (reply)
		r = show(context, reply);
	return request_finish(context, r);
}

const struct command command_list = {
	.name = "list",
	.arguments = "[OPTION...]",
	.summary = "list the attachments",
	.help =
		"Lists what is attached: events published and lost so far, how many observe it,\n"
		"who attached it (user/process), how long ago, with which options, the targets.",
	.run = run,
};
