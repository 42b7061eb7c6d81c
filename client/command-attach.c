/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl attach`: makes an attachment and shows its events, or leaves it behind with --keep. */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

#include "client/attachment.h"
#include "client/comeback.h"
#include "client/fields.h"
#include "client/options.h"
#include "client/request.h"
#include "client/selector.h"
#include "client/stream.h"
#include "client/view.h"

enum {
	OPTION_ENTRY = 'A',
	OPTION_KEEP,
	OPTION_LIMIT,
	OPTION_RATE,
	OPTION_WAIT,
	OPTION_PID,
	OPTION_PARTIAL,
	OPTION_NO_BRANCHES,
	OPTION_RAW,
};

static const struct option options_table[] = {
	{ "entry", no_argument, NULL, OPTION_ENTRY },
	{ "keep", no_argument, NULL, OPTION_KEEP },
	{ "limit", required_argument, NULL, OPTION_LIMIT },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "wait", required_argument, NULL, OPTION_WAIT },
	{ "pid", required_argument, NULL, OPTION_PID },
	{ "partial", no_argument, NULL, OPTION_PARTIAL },
	{ "no-branches", no_argument, NULL, OPTION_NO_BRANCHES },
	{ "raw", no_argument, NULL, OPTION_RAW },
	VIEW_OPTIONS,
	{ NULL },
};

struct attach {
	bool entry, keep, partial, no_branches, raw;
	struct view view;
	uint64_t limit, rate, pid; /* 0: none */
	uint64_t patience; /* seconds */
};

static bool take_option(struct attach *attach, int c)
{
	const struct command *command = &command_attach;

	switch (c) {
	case OPTION_ENTRY:
		attach->entry = true;
		return true;
	case OPTION_KEEP:
		attach->keep = true;
		return true;
	case OPTION_LIMIT:
		return parse_number(command, "--limit", optarg, 1, INT64_MAX, &attach->limit);
	case OPTION_RATE:
		return parse_number(command, "--rate", optarg, 1, INT32_MAX, &attach->rate);
	case OPTION_PID:
		return parse_number(command, "--pid", optarg, 1, INT32_MAX, &attach->pid);
	case OPTION_WAIT:
		return parse_number(command, "--wait", optarg, 0, COMEBACK_MAX, &attach->patience);
	case OPTION_PARTIAL:
		attach->partial = true;
		return true;
	case OPTION_NO_BRANCHES:
		attach->no_branches = true;
		return true;
	case OPTION_RAW:
		attach->raw = true;
		return true;
	default:
		return view_take_option(command, c, &attach->view);
	}
}

static void add_true(struct json_object *object, const char *name, bool value)
{
	if (value)
		json_object_object_add(object, name, json_object_new_boolean(true));
}

static void add_number(struct json_object *object, const char *name, uint64_t value)
{
	if (value)
		json_object_object_add(object, name, json_object_new_int64((int64_t)value));
}

static struct json_object *make_parameters(const struct attach *attach,
					   struct json_object *targets)
{
	struct json_object *parameters = json_object_new_object();
	struct json_object *filter = json_object_new_object();

	json_object_object_add(parameters, "targets", targets);
	if (attach->entry)
		json_object_object_add(parameters, "mode", json_object_new_string("entry"));
	add_number(filter, "processId", attach->pid);
	add_number(filter, "limit", attach->limit);
	add_number(filter, "maxPerSecond", attach->rate);
	if (json_object_object_length(filter))
		json_object_object_add(parameters, "filter", filter);
	else
		json_object_put(filter);
	add_true(parameters, "persistent", attach->keep);
	add_true(parameters, "partial", attach->partial);
	add_true(parameters, "withoutBranches", attach->no_branches);
	add_true(parameters, "raw", attach->raw);
	if (attach->view.name)
		json_object_object_add(parameters, "view",
				       json_object_new_string(attach->view.name));
	return parameters;
}

/* Attaches and prints the id, the only thing that a script wants to know. */
static int keep(struct context *context, struct json_object *parameters)
{
	_cleanup_json_ struct json_object *reply = NULL;
	struct json_object *attachment;
	int r = request(context, "io.lbrd.Attach", parameters, &reply);

	if (reply) {
		attachment = get_object(reply, "attachment");
		attachment_tell(attachment, get_array(reply, "failures"));
		output_printf(&context->out, "%" PRId64 "\n", get_int(attachment, "id"));
	}
	return request_finish(context, r);
}

static int run(struct context *context, int argc, char **argv)
{
	_cleanup_json_ struct json_object *parameters = NULL, *targets = NULL;
	struct attach attach = { .patience = COMEBACK_PATIENCE };
	struct options options;
	int c;

	options_init(&options, context, &command_attach, options_table, argc, argv);
	while ((c = options_next(&options)) > 0)
		if (!take_option(&attach, c))
			return STATUS_USAGE;
	if (c < 0)
		return options.exit_code;
	if (attach.keep && (attach.raw || attach.view.name))
		return usage_error(&command_attach,
				   "--%s is for who watches: use it with 'lbrctl watch'",
				   attach.raw ? "raw" : "view");
	if (attach.view.name && (attach.raw || attach.no_branches))
		return usage_error(&command_attach,
				   "--view shows what lies between branches: not with --%s",
				   attach.raw ? "raw" : "no-branches");
	if (!view_check(&command_attach, &attach.view))
		return STATUS_USAGE;
	targets = json_object_new_array();
	if (!selectors_parse(&command_attach, argc - optind, argv + optind, targets))
		return STATUS_USAGE;
	parameters = make_parameters(&attach, TAKE_PTR(targets));
	if (attach.keep)
		return keep(context, parameters);
	return stream_run(context, &(struct stream_config){
		.method = "io.lbrd.Attach",
		.parameters = parameters,
		.view = &attach.view,
		.attaches = true,
		.patience = (unsigned int)attach.patience,
	});
}

const struct command command_attach = {
	.name = "attach",
	.arguments = "[OPTION...] prog PROGRAM...\n[OPTION...] func FUNCTION...",
	.summary = "trace BPF programs or kernel functions, and show their branches",
	.help =
		"Each time a target returns, shows which way the CPU went, until Ctrl-C.\n"
		"Programs and functions can be mixed: attach prog 850 func tcp_v4_rcv.\n"
		"\n"
		"PROGRAM is one of\n"
		"  850              the id, as in 'lbrctl progs'\n"
		"  xdp_filter       the name; every loaded program of that name\n"
		"  tag=HEX          the 16 digits of the tag\n"
		"  pid=PID          the programs that a process holds\n"
		"  /sys/fs/bpf/...  the path where it is pinned\n"
		"  all              every program that can be traced\n"
		"and may be followed by :FUNCTION for one of its functions, as in 850:parse.\n"
		"A name that looks like something else is written name=850.\n"
		"\n"
		"Options:\n"
		"  --entry          when a target is entered, instead of when it returns\n"
		"  --keep           print the attachment's number and leave it for 'watch'\n"
		"  --limit N        end after N events\n"
		"  --rate N         at most N events a second; the others count as lost\n"
		"  --pid PID        only events of this process\n"
		COMEBACK_HELP "\n"
		"  --partial        when something cannot be attached, attach the rest\n"
		"  --no-branches    everything but the branches, on any machine\n"
		"  --raw            all rows as recorded: the tracer's own too, thunks not folded\n"
		VIEW_HELP "\n"
		"\n"
		"An event begins with its number, time, CPU, process/pid[/thread], target and\n"
		"return value. Its branches follow, oldest first; #00 was the last one. A bar\n"
		"holds together what leaves from one function. [inlined NAME], or >NAME in short,\n"
		"is the inlined function that file and line are in. Behind a branch stand its kind,\n"
		"'miss' if it was mispredicted, and the cycles since the one before it, as far\n"
		"as the CPU tells.",
	.run = run,
};
