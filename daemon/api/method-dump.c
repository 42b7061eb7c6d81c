/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dump: parameters -> programs or a function -> their code, all of it captured -> parts, each when
 * the client has taken the one before and the loop has served everybody else.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/api.h"
#include "daemon/api/dump.h"
#include "daemon/api/errors.h"
#include "daemon/api/parameters.h"
#include "daemon/api/replies.h"
#include "daemon/api/selector.h"
#include "daemon/wire/event-clear.h"

#define ALL_FUNCTIONS SIZE_MAX

DEFINE_CLEANUP(struct dump *, dump_free)
DEFINE_CLEANUP(struct bpf_program *, bpf_program_unref)
DEFINE_CLEANUP(struct code_image *, code_image_unref)

/* What is asked for, and on failure why it cannot be had. */
struct wish {
	struct api *api;
	struct dump *dump;
	bool xlated;
	struct target_selector selector;
	uint64_t address;
	char name[2 * TARGET_NAME_MAX + 2]; /* of what cannot be had */
	struct target_list list; /* its failures: which program is not there */
};

/* ---- refusals ---- */

static int refuse(struct call *call, const struct wish *wish, enum code_error error)
{
	static const char *const reasons[] = {
		[CODE_E_UNKNOWN] = "unknown",
		[CODE_E_NO_FUNCTION] = "unknown",
		[CODE_E_HIDDEN] = "hidden",
		[CODE_E_ADDRESSES_HIDDEN] = "hidden",
		[CODE_E_GONE] = "gone",
		[CODE_E_NO_SIZE] = "noSize",
		[CODE_E_PRIVILEGE] = "privilege",
		[CODE_E_LOCKDOWN] = "lockdown",
		[CODE_E_NO_KCORE] = "noKcore",
		[CODE_E_UNMAPPED] = "unmapped",
		[CODE_E_AMBIGUOUS] = "ambiguous",
		[CODE_E_NOT_COMPILED] = "notCompiled",
	};
	struct json_object *problem;
	char message[512];

	if (wish->list.n_failures)
		return call_error(call, "io.lbrd.TargetsRefused",
				reply_wrap("failures", reply_failures(&wish->list,
						api_hides(wish->api, call))));
	snprintf(message, sizeof(message), "%s cannot be dumped: %s.", wish->name,
			code_error_message(error));
	problem = reply_problem(message, code_error_hint(error));
	if (problem) {
		reply_add_string(problem, "name", wish->name);
		reply_add_string(problem, "reason", reasons[error]);
	}
	return call_error(call, "io.lbrd.CodeUnavailable", problem);
}

/* ---- what is meant: 0, an enum code_error, or a negative errno ---- */

static bool is_function(const struct bpf_program *program, size_t i, const char *name)
{
	return program->functions[i].name && !strcmp(program->functions[i].name, name);
}

static int add_insns(struct wish *wish, struct bpf_program *program, size_t function)
{
	int r = 0;

	if (!program->n_insns)
		return program->insns_hidden ? CODE_E_HIDDEN : CODE_E_GONE;
	/* Where the functions begin is told by BTF alone. */
	if (function == ALL_FUNCTIONS &&
	    (program->n_functions < 2 || !program->functions[1].insn))
		return dump_add_insns(wish->dump, program,
				program->n_functions == 1 ? 0 : ALL_FUNCTIONS);
	for (size_t i = 0; i < program->n_functions && r == 0; i++)
		if (function == ALL_FUNCTIONS || function == i)
			r = dump_add_insns(wish->dump, program, i);
	return r;
}

static int add_images(struct wish *wish, struct bpf_program *program, size_t function)
{
	if (program->code_state == CODE_UNREAD)
		return CODE_E_NOT_COMPILED;
	for (size_t i = 0; i < program->n_functions; i++) {
		_cleanup_(code_image_unref_p) struct code_image *image = NULL;
		int r;

		if (function != ALL_FUNCTIONS && function != i)
			continue;
		r = code_image_of_program(program, i, &image);
		if (r == 0)
			r = dump_add_image(wish->dump, image);
		if (r)
			return r;
	}
	return program->n_functions ? 0 : CODE_E_HIDDEN;
}

static int add_program(struct wish *wish, struct bpf_program *program)
{
	const char *name = wish->selector.function;
	size_t function = ALL_FUNCTIONS;

	for (size_t i = 0; name && i < program->n_functions; i++)
		if (is_function(program, i, name))
			function = i;
	if (name && function == ALL_FUNCTIONS)
		return -ESRCH;
	if (program->hidden && !wish->xlated)
		return CODE_E_HIDDEN;
	return wish->xlated ? add_insns(wish, program, function) :
			      add_images(wish, program, function);
}

/* -ENOENT: no such program (any more); -ESRCH: it has no such function. */
static int read_program(struct wish *wish, uint32_t id)
{
	_cleanup_(bpf_program_unref_p) struct bpf_program *program = NULL;
	int r;

	r = symbols_program(wish->api->symbols, id,
			BPF_PROGRAM_LINES | BPF_PROGRAM_CODE | BPF_PROGRAM_INSNS, &program);
	if (r < 0)
		return r;
	snprintf(wish->name, sizeof(wish->name), "Program %" PRIu32, id);
	if (program->n_functions && program->functions[0].name)
		snprintf(wish->name, sizeof(wish->name), "%s", program->functions[0].name);
	return add_program(wish, program);
}

static int add_programs(struct wish *wish)
{
	int r;

	/* By its id it may be meant even when it was unloaded a moment ago. */
	if (wish->selector.by == SELECT_PROGRAM_ID) {
		r = read_program(wish, wish->selector.id);
		if (r >= 0 || r == -ENOMEM)
			return r;
	}
	r = targets_find(wish->api->targets, &wish->selector, &wish->list);
	if (r < 0)
		return r;
	if (!wish->list.n_targets)
		return CODE_E_GONE; /* the failures say more */
	wish->list.n_failures = 0; /* of several programs, those that have the function */
	for (size_t i = 0; i < wish->list.n_targets; i++) {
		target_format_name(&wish->list.targets[i], wish->name, sizeof(wish->name));
		r = read_program(wish, wish->list.targets[i].program_id);
		if (r == -ENOENT || r == -ESRCH)
			r = CODE_E_GONE;
		if (r)
			return r;
	}
	return 0;
}

static int find_function(struct wish *wish, uint64_t *ret)
{
	struct symbols *symbols = wish->api->symbols;
	struct symbols_description description;
	char module[64] = "";
	const char *name = wish->selector.text, *colon = strchr(name, ':');
	uint64_t end;
	int r = -ENOENT;

	if (colon) {
		snprintf(module, sizeof(module), "%.*s", (int)(colon - name), name);
		name = colon + 1;
	} else {
		r = symbols_find(symbols, name, NULL, ret, &end);
	}
	if (r == -ENOENT)
		r = symbols_find(symbols, name, module, ret, &end);
	if (r == -ENOTUNIQ)
		return CODE_E_AMBIGUOUS;
	if (r == 0)
		return 0;
	symbols_describe(symbols, &description);
	return description.addresses_hidden ? CODE_E_ADDRESSES_HIDDEN : CODE_E_NO_FUNCTION;
}

static int add_function(struct wish *wish)
{
	_cleanup_(code_image_unref_p) struct code_image *image = NULL;
	uint64_t address = wish->address;
	int r = 0;

	if (!address) {
		snprintf(wish->name, sizeof(wish->name), "%s", wish->selector.text);
		r = find_function(wish, &address);
	} else {
		snprintf(wish->name, sizeof(wish->name), "0x%" PRIx64, address);
	}
	if (r == 0)
		r = symbols_code(wish->api->symbols, address, 0, &image);
	return r ? r : dump_add_image(wish->dump, image);
}

/* ---- parts ---- */

/* A dump that is on its way, or waits for its client to read. */
struct dumping {
	struct api *api;
	struct call *call;
	struct dump *dump;
	struct event *turn;
	struct charge charge;
};

static void dumping_free(struct dumping *dumping)
{
	charge_release(&dumping->charge);
	event_clear(&dumping->turn);
	dump_free(dumping->dump);
	free(dumping);
}

static void on_closed(struct call *call, void *userdata)
{
	dumping_free(userdata);
}

/* The next message; NULL when out of memory. */
static struct frame *make_part(struct api *api, struct dump *dump, size_t max, bool *ret_more)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct frame *frame = NULL;
	const char *text;
	size_t length;

	symbols_refresh(api->symbols);
	json_begin_object(&w);
	JSON_WRITE_KEY(&w, "parameters");
	json_begin_object(&w);
	JSON_WRITE_KEY(&w, "code");
	*ret_more = dump_write(dump, max, &w);
	json_end_object(&w);
	if (*ret_more) {
		JSON_WRITE_KEY(&w, "continues");
		json_write_bool(&w, true);
	}
	json_end_object(&w);
	if (json_writer_finish(&w, &text, &length) == 0 &&
			frame_new_copy(text, length + 1, &frame) < 0)
		frame = NULL;
	json_writer_deinit(&w);
	return frame;
}

static void send_part(struct dumping *dumping)
{
	/* Through the loop's clock: what is made active at once would leave no time for others. */
	static const struct timeval at_once = {}, later = {.tv_sec = 1};
	_cleanup_(frame_unref_p) struct frame *frame = NULL;
	struct call *call = dumping->call;
	bool more;

	frame = make_part(dumping->api, dumping->dump, limit_value(LIMIT_DUMP_PART), &more);
	if (!more || !frame) {
		dumping_free(dumping);
		call_reply_frame(call, frame);
		return;
	}
	/* A connection that failed is told by on_closed. */
	if (call_send(call, frame) == 0 &&
			event_add(dumping->turn, call_queued(call) ? &later : &at_once) < 0)
		call_drop_peer(call, "there was no memory to go on with its dump");
}

static void on_drained(struct call *call, void *userdata)
{
	send_part(userdata);
}

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
	static const struct timeval later = {.tv_sec = 1};
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct dumping *dumping = userdata;

	if (!call_queued(dumping->call))
		send_part(dumping);
	else if (call_stalled_for(dumping->call, now) >
			limit_value(LIMIT_OBSERVER_STALL) * NS_PER_SECOND)
		call_drop_peer(dumping->call, "it asked for a dump and does not read it");
	else if (event_add(dumping->turn, &later) < 0)
		call_drop_peer(dumping->call, "there was no memory to go on with its dump");
}

static int stream(struct api *api, struct call *call, struct dump *dump)
{
	static const struct call_stream_events events = {
		.on_closed = on_closed,
		.on_drained = on_drained,
	};
	struct dumping *dumping = calloc(1, sizeof(*dumping));

	if (!dumping) {
		dump_free(dump);
		return -ENOMEM;
	}
	*dumping = (struct dumping){.api = api, .call = call, .dump = dump};
	dumping->turn = evtimer_new(api->base, on_turn, dumping);
	if (!dumping->turn || !charge_take(&dumping->charge, peer_account(call_peer(call)),
			RESOURCE_DUMPS, 1)) {
		dumping_free(dumping);
		return -ENOMEM;
	}
	call_stream(call, &events, dumping);
	send_part(dumping);
	return 0;
}

static int reply_whole(struct api *api, struct call *call, struct dump *dump)
{
	_cleanup_(frame_unref_p) struct frame *frame = NULL;
	bool more;

	frame = make_part(api, dump, limit_value(LIMIT_DUMP_REPLY), &more);
	if (!frame)
		return -ENOMEM;
	if (more)
		return error_limit(call, LIMIT_DUMP_REPLY);
	call_reply_frame(call, frame);
	return 0;
}

/* ---- the call ---- */

static const char *parse_address(struct json_object *parameters, uint64_t *ret)
{
	const char *text = parameter_string(parameters, "address");
	char *end;

	*ret = 0;
	if (!text)
		return NULL;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	return strncmp(text, "0x", 2) || errno || *end || !*ret ? "address" : NULL;
}

/* NULL, or the name of the parameter that is wrong. */
static const char *parse(struct json_object *parameters, struct wish *wish,
		struct dump_config *config)
{
	struct json_object *target = parameter(parameters, "target");
	const char *syntax = parameter_string(parameters, "syntax");
	const char *wrong = parse_address(parameters, &wish->address);

	wish->xlated = parameter_bool(parameters, "xlated");
	config->syntax = syntax && !strcmp(syntax, "intel") ? SYNTAX_INTEL : SYNTAX_ATT;
	config->without_bytes = parameter_bool(parameters, "withoutBytes");
	config->without_source = parameter_bool(parameters, "withoutSource");
	if (wrong)
		return wrong;
	if (!target == !wish->address)
		return target ? "address" : "target";
	if (target)
		wrong = selector_parse(target, &wish->selector);
	if (wrong)
		return strcmp(wrong, "targets") ? wrong : "target";
	if (wish->xlated && (!target || wish->selector.by == SELECT_KERNEL_FUNCTION))
		return "xlated";
	return NULL;
}

static int gather(struct wish *wish)
{
	if (wish->address || wish->selector.by == SELECT_KERNEL_FUNCTION)
		return add_function(wish);
	return add_programs(wish);
}

int method_dump(struct call *call, struct json_object *parameters, void *userdata)
{
	struct api *api = userdata;
	struct dump_config config = {.symbols = api->symbols};
	_cleanup_(dump_free_p) struct dump *dump = NULL;
	struct wish wish = {.api = api};
	const char *wrong = parse(parameters, &wish, &config);
	int r;

	if (wrong)
		return error_invalid_parameter(call, wrong);
	if (!account_has_room(peer_account(call_peer(call)), RESOURCE_DUMPS))
		return call_limit_reached(call, RESOURCE_DUMPS);
	config.hide = api_hides(api, call);
	/* What lies at an address would tell where everything else lies. */
	if (config.hide && wish.address)
		return call_error(call, VARLINK_E_PERMISSION_DENIED,
				policy_denial(api->policy.rules, RIGHT_ADDRESSES));
	symbols_refresh(api->symbols);
	r = dump_new(&config, &dump);
	if (r < 0)
		return r;
	wish.dump = dump;
	r = gather(&wish);
	if (r == -EFBIG) {
		error_limit(call, LIMIT_DUMP_BYTES);
		r = 1;
	} else if (r > 0) {
		refuse(call, &wish, r);
	}
	target_list_deinit(&wish.list);
	if (r)
		return r < 0 ? r : 0;
	return call_wants_more(call) ? stream(api, call, TAKE_PTR(dump)) :
				       reply_whole(api, call, dump);
}
