/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl watch`: observes what was attached before, by whomever. */
#include <stdint.h>

#include "client/comeback.h"
#include "client/fields.h"
#include "client/options.h"
#include "client/stream.h"
#include "client/view.h"

enum {
	OPTION_REPLAY = 'A',
	OPTION_RAW,
	OPTION_LIMIT,
	OPTION_WAIT,
};

static const struct option options_table[] = {
	{ "replay", required_argument, NULL, OPTION_REPLAY },
	{ "wait", required_argument, NULL, OPTION_WAIT },
	{ "raw", no_argument, NULL, OPTION_RAW },
	{ "limit", required_argument, NULL, OPTION_LIMIT },
	VIEW_OPTIONS,
	{ NULL },
};

/* False: wrong, which has been explained. NULL in *ret: all. */
static bool parse_ids(int argc, char **argv, struct json_object **ret)
{
	_cleanup_json_ struct json_object *ids = NULL;
	uint64_t id;

	*ret = NULL;
	if (!argc)
		return true;
	ids = json_object_new_array();
	for (int i = 0; i < argc; i++) {
		if (!parse_number(&command_watch, "the number of an attachment",
				  *argv[i] == '#' ? argv[i] + 1 : argv[i], 1, INT64_MAX, &id))
			return false;
		json_object_array_add(ids, json_object_new_int64((int64_t)id));
	}
	*ret = TAKE_PTR(ids);
	return true;
}

static int run(struct context *context, int argc, char **argv)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	struct json_object *ids;
	uint64_t replay = 0, limit = 0, patience = COMEBACK_PATIENCE;
	struct view view = { 0 };
	struct options options;
	bool good = true, raw = false;
	int c;

	options_init(&options, context, &command_watch, options_table, argc, argv);
	while (good && (c = options_next(&options)) > 0) {
		if (c == OPTION_REPLAY)
			good = parse_number(&command_watch, "--replay", optarg, 0, INT32_MAX,
					    &replay);
		else if (c == OPTION_LIMIT)
			good = parse_number(&command_watch, "--limit", optarg, 1, INT64_MAX,
					    &limit);
		else if (c == OPTION_WAIT)
			good = parse_number(&command_watch, "--wait", optarg, 0, COMEBACK_MAX,
					    &patience);
		else if (c == OPTION_RAW)
			raw = true;
		else
			good = view_take_option(&command_watch, c, &view);
	}
	if (!good)
		return STATUS_USAGE;
	if (c < 0)
		return options.exit_code;
	if (raw && view.name)
		return usage_error(&command_watch,
				   "--view shows what lies between branches: not with --raw");
	if (!view_check(&command_watch, &view))
		return STATUS_USAGE;
	if (!parse_ids(argc - optind, argv + optind, &ids))
		return STATUS_USAGE;
	if (ids)
		json_object_object_add(parameters, "attachments", ids);
	if (replay)
		json_object_object_add(parameters, "replay",
				       json_object_new_int64((int64_t)replay));
	if (raw)
		json_object_object_add(parameters, "raw", json_object_new_boolean(true));
	if (view.name)
		json_object_object_add(parameters, "view", json_object_new_string(view.name));
	return stream_run(context, &(struct stream_config){
		.method = "io.lbrd.Watch",
		.parameters = parameters,
		.view = &view,
		.patience = (unsigned int)patience,
		.limit = limit,
	});
}

const struct command command_watch = {
	.name = "watch",
	.arguments = "[OPTION...] [ID...]",
	.summary = "show the events of attachments that exist, or are to come",
	.help =
		"Shows the events of attachments, by their numbers in 'lbrctl list', until the\n"
		"last of these ends; without numbers of all, those to come included, until\n"
		"Ctrl-C. The attachments stay as they are.\n"
		"\n"
		"Options:\n"
		"  --replay N       begin with the latest N events\n"
		"  --limit N        end after N events\n"
		COMEBACK_HELP "\n"
		"  --raw            all rows as recorded: the tracer's own too, thunks not folded\n"
		VIEW_HELP,
	.run = run,
};
