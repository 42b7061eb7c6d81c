/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl dump`: the code of BPF programs and of kernel functions, with its source. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "client/fields.h"
#include "client/options.h"
#include "client/render-code.h"
#include "client/request.h"
#include "client/selector.h"
#include "client/source-tree.h"

/* A part of a long dump; the first one waits for all code to be read. */
#define PART_TIMEOUT_MS 60000

enum {
	OPTION_SYNTAX = 'A',
	OPTION_XLATED,
	OPTION_NO_BYTES,
	OPTION_NO_SOURCE,
	OPTION_SOURCE_TREE,
};

static const struct option options_table[] = {
	{ "syntax", required_argument, NULL, OPTION_SYNTAX },
	{ "xlated", no_argument, NULL, OPTION_XLATED },
	{ "no-bytes", no_argument, NULL, OPTION_NO_BYTES },
	{ "no-source", no_argument, NULL, OPTION_NO_SOURCE },
	{ "source-tree", required_argument, NULL, OPTION_SOURCE_TREE },
	{ NULL },
};

struct dump {
	const char *syntax; /* NULL: not said */
	bool xlated, no_bytes, no_source;
	const char *source_tree; /* NULL: none */
};

static bool take_option(struct dump *dump, int c)
{
	static const char *const syntaxes[] = { "att", "intel", NULL };
	const char *like;

	switch (c) {
	case OPTION_SYNTAX:
		dump->syntax = optarg;
		if (!strcmp(optarg, "att") || !strcmp(optarg, "intel"))
			return true;
		like = nearest(optarg, syntaxes);
		usage_error(&command_dump, "--syntax is att or intel, not '%s'%s%s%s", optarg,
			    like ? "; did you mean " : "", like ? like : "", like ? "?" : "");
		return false;
	case OPTION_XLATED:
		dump->xlated = true;
		return true;
	case OPTION_NO_BYTES:
		dump->no_bytes = true;
		return true;
	case OPTION_SOURCE_TREE:
		dump->source_tree = optarg;
		return true;
	default:
		dump->no_source = true;
		return true;
	}
}

static void add_true(struct json_object *object, const char *name, bool value)
{
	if (value)
		json_object_object_add(object, name, json_object_new_boolean(true));
}

static bool is_address(const char *word)
{
	size_t digits;

	if (strncmp(word, "0x", 2))
		return false;
	digits = strspn(word + 2, "0123456789abcdefABCDEF");
	return digits > 0 && digits <= 16 && !word[2 + digits];
}

/* Sixteen digits without 0x, as /proc/kallsyms and the dump itself write addresses. */
static bool is_bare_address(const char *word)
{
	return strlen(word) == 16 && !word[strspn(word, "0123456789abcdefABCDEF")];
}

/* Of the one target; false: it has been said what is wrong. */
static bool add_target(const struct dump *dump, int argc, char **argv,
		       struct json_object *parameters)
{
	_cleanup_json_ struct json_object *targets = json_object_new_array();
	bool function = argc && !strcmp(argv[0], "func");
	char address[32];

	if (argc > 2) {
		usage_error(&command_dump, "it dumps one thing at a time, '%s' is one too many",
			    argv[2]);
		return false;
	}
	if (function && dump->xlated) {
		usage_error(&command_dump, "--xlated is for BPF programs, a function of the kernel "
			    "has no BPF instructions");
		return false;
	}
	if (function && argc == 2 && (is_address(argv[1]) || is_bare_address(argv[1]))) {
		snprintf(address, sizeof(address), "%s%.18s", is_address(argv[1]) ? "" : "0x",
			 argv[1]);
		json_object_object_add(parameters, "address", json_object_new_string(address));
		return true;
	}
	if (!selectors_parse(&command_dump, argc, argv, targets))
		return false;
	json_object_object_add(parameters, "target",
			       json_object_get(json_object_array_get_idx(targets, 0)));
	return true;
}

static int show_part(struct context *context, const struct client_reply *reply,
		     struct code_renderer *renderer)
{
	int r;

	if (reply->error.data)
		return request_refused(context, reply);
	if (context->json) {
		output_append_json(&context->out, reply->parameters.data, reply->parameters.length);
		output_append(&context->out, "\n", 1);
		return STATUS_OK;
	}
	r = render_code(renderer, &reply->parameters, &context->out);
	return r < 0 ? request_failed(context, r) : STATUS_OK;
}

/* Whoever reads the output may have had enough, as `head` does. */
static bool is_unread(struct context *context)
{
	return output_flush(&context->out) < 0;
}

static int show_parts(struct context *context, struct json_object *parameters,
		      struct code_renderer *renderer)
{
	_cleanup_(client_free_p) struct client *client = NULL;
	struct client_reply reply = { .continues = true };
	int r = request_connect(context, &client);

	if (r)
		return r;
	r = client_call(client, "io.lbrd.Dump", parameters, CLIENT_MORE);
	if (r)
		return request_failed(context, r);
	while (reply.continues) {
		const char *data;
		size_t length;

		r = client_next(client, PART_TIMEOUT_MS, &data, &length);
		if (r == 0)
			r = client_parse_reply(data, length, &reply);
		if (r)
			return request_failed(context, r);
		r = show_part(context, &reply, renderer);
		if (r || is_unread(context))
			return r;
	}
	return STATUS_OK;
}

static int run(struct context *context, int argc, char **argv)
{
	_cleanup_json_ struct json_object *parameters = json_object_new_object();
	_cleanup_(source_tree_free_p) struct source_tree *tree = NULL;
	struct code_renderer renderer;
	struct options options;
	struct dump dump = { 0 };
	int c, r;

	options_init(&options, context, &command_dump, options_table, argc, argv);
	while ((c = options_next(&options)) > 0)
		if (!take_option(&dump, c))
			return STATUS_USAGE;
	if (c < 0)
		return options.exit_code;
	if (dump.xlated && dump.syntax)
		return usage_error(&command_dump,
				   "--syntax is of machine code: leave it or --xlated out");
	if (!add_target(&dump, argc - optind, argv + optind, parameters))
		return STATUS_USAGE;
	if (dump.syntax)
		json_object_object_add(parameters, "syntax", json_object_new_string(dump.syntax));
	add_true(parameters, "xlated", dump.xlated);
	add_true(parameters, "withoutBytes", dump.no_bytes);
	add_true(parameters, "withoutSource", dump.no_source);
	r = source_tree_open(dump.source_tree, &tree);
	if (r)
		return r;
	code_renderer_init(&renderer, &context->terminal, dump.xlated, !dump.no_bytes, tree);
	r = show_parts(context, parameters, &renderer);
	code_renderer_deinit(&renderer);
	return request_finish(context, r);
}

const struct command command_dump = {
	.name = "dump",
	.arguments = "[OPTION...] prog PROGRAM[:FUNCTION]\n[OPTION...] func NAME|ADDRESS",
	.summary = "show the instructions of a BPF program or a kernel function",
	.help =
		"Shows machine code as it is now: address, offset, bytes, instruction, and what\n"
		"calls, jumps and constants point to. The source line stands above the\n"
		"instructions that it became.\n"
		"\n"
		"PROGRAM is written as for 'lbrctl attach'; without :FUNCTION all of its\n"
		"functions are shown. NAME is a function as in /proc/kallsyms, MODULE:NAME\n"
		"where several are called so; ADDRESS is anywhere in a function. Both are read\n"
		"from the running kernel, with everything that it patched.\n"
		"\n"
		"Options:\n"
		"  --syntax WHICH   att (default) or intel\n"
		"  --xlated         the BPF instructions instead, as the verifier left them\n"
		"  --no-bytes       leave the bytes out\n"
		"  --no-source      leave the source lines out\n"
		"  --source-tree DIR\n"
		"                   read the text of kernel lines in files below DIR",
	.run = run,
};
