/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl detach`: ends attachments. */
#include <inttypes.h>
#include <stdint.h>

#include "client/fields.h"
#include "client/options.h"
#include "client/request.h"

enum {
	OPTION_ALL = 'A',
};

static const struct option options_table[] = {
	{ "all", no_argument, NULL, OPTION_ALL },
	{ NULL },
};

static int detach(struct context *context, struct client *client, const char *member,
		  struct json_object *value)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object(), *reply = NULL;
	struct json_object *detached;
	int r;

	json_object_object_add(parameters, member, value);
	r = request_call(context, client, "io.lbrd.Detach", parameters, &reply);
	detached = get_array(reply, "detached");
	if (reply && !get_length(detached))
		tell("nothing was attached");
	for (size_t i = 0; i < get_length(detached); i++)
		output_printf(&context->out, "detached #%" PRId64 "\n",
			      json_object_get_int64(json_object_array_get_idx(detached, i)));
	return r;
}

/* One after the other: what cannot be detached does not keep the others. */
static int detach_each(struct context *context, int argc, char **argv)
{
	_cleanup_(client_free_p) struct client *client = NULL;
	int exit_code = STATUS_OK, r;
	uint64_t id;

	for (int i = 0; i < argc; i++) {
		argv[i] += *argv[i] == '#';
		if (!parse_number(&command_detach, "the number of an attachment", argv[i], 1,
				  INT64_MAX, &id))
			return STATUS_USAGE;
	}
	r = request_connect(context, &client);
	if (r)
		return r;
	for (int i = 0; i < argc; i++) {
		id = strtoull(argv[i], NULL, 10);
		r = detach(context, client, "attachment", json_object_new_int64((int64_t)id));
		if (r)
			exit_code = r;
		if (r && r != STATUS_REFUSED)
			break;
	}
	return exit_code;
}

static int detach_all(struct context *context)
{
	_cleanup_(client_free_p) struct client *client = NULL;
	int r = request_connect(context, &client);

	return r ? r : detach(context, client, "all", json_object_new_boolean(true));
}

static int run(struct context *context, int argc, char **argv)
{
	struct options options;
	bool all = false;
	int c;

	options_init(&options, context, &command_detach, options_table, argc, argv);
	while ((c = options_next(&options)) > 0)
		all = true;
	if (c < 0)
		return options.exit_code;
	argc -= optind;
	if (all && argc)
		return usage_error(&command_detach, "name either numbers or --all");
	if (!all && !argc)
		return usage_error(&command_detach,
				   "say which: 'lbrctl list' shows the numbers, --all ends all");
	return request_finish(context, all ? detach_all(context) :
					     detach_each(context, argc, argv + optind));
}

const struct command command_detach = {
	.name = "detach",
	.arguments = "ID...\n--all",
	.summary = "end attachments",
	.help =
		"Ends attachments, by their numbers in 'lbrctl list'. Who watches them still gets\n"
		"what was on its way.\n"
		"\n"
		"Options:\n"
		"  --all            every attachment that you may end",
	.run = run,
};
