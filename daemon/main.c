/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the daemon bottom up, runs the loop, takes it down top down. Rule: on the way down every
 * attachment that is not left to the next lbrd ends as by Detach, so that observers get their last
 * word and no tracer stays behind.
 */
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/location-text.h"
#include "daemon/index-job.h"
#include "daemon/api/path-text.h"
#include "daemon/listen.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/options.h"
#include "daemon/pipeline.h"
#include "daemon/policy-file.h"
#include "daemon/succession.h"
#include "daemon/wire/event-clear.h"
#include "proto/interface.h"

#define SHUTDOWN_FLUSH_MS 1000

struct daemon {
	struct options options;
	struct event_base *base;
	struct event *terminate[2];
	struct event *reload;
	struct event *watchdog;
	struct event *housekeeping;
	struct succession *succession;
	struct state *state;
	struct pipeline *pipeline;
	struct encoder *encoder;
	struct index_jobs *index_jobs;
	struct api api;
	const char *place; /* of the step that fails, where it has one */
	struct loop_counters turns;
	bool failed;
};

/* ---- what the rooms call up ---- */

static void on_terminate(evutil_socket_t signal_number, short what, void *userdata)
{
	struct daemon *daemon = userdata;

	event_base_loopbreak(daemon->base);
}

static void on_reload(evutil_socket_t signal_number, short what, void *userdata)
{
	struct daemon *daemon = userdata;

	if (policy_file_load(&daemon->api.policy) != 0)
		return;
	api_policy_changed(&daemon->api);
	log_policy_loaded(daemon->api.policy.file, daemon->api.policy.built_in);
}

static void on_watchdog(evutil_socket_t fd, short what, void *userdata)
{
	sd_notify(0, "WATCHDOG=1");
}

static void on_housekeeping(evutil_socket_t fd, short what, void *userdata)
{
	struct daemon *daemon = userdata;

	targets_trim(daemon->api.targets);
}

static void on_peer_gone(struct peer *peer, void *userdata)
{
	struct api *api = userdata;

	attachments_peer_gone(api->attachments, peer);
}

static void on_peer_dropped(struct peer *peer, const char *reason, void *userdata)
{
	const struct peer_credentials *credentials = peer_credentials(peer);

	log_peer_dropped(credentials->uid, credentials->pid, reason);
}

static void on_call_failed(const char *method, int error, void *userdata)
{
	log_internal_error(method, error);
}

static void on_listener_failed(int error, void *userdata)
{
	struct daemon *daemon = container_of(userdata, struct daemon, api);

	log_listener_failed(error);
	daemon->failed = true;
	event_base_loopbreak(daemon->base);
}

static void on_need(const struct symbol_object *object, void *userdata)
{
	struct daemon *daemon = userdata;

	if (daemon->index_jobs)
		index_jobs_want(object, daemon->index_jobs);
}

static void on_index_changed(const struct index_status *status, void *userdata)
{
	struct daemon *daemon = userdata;

	hub_publish_index(daemon->api.hub, status);
}

static void on_attachment_gone(uint32_t id, void *userdata)
{
	struct daemon *daemon = userdata;

	api_attachment_gone(&daemon->api, id);
}

static void on_not_kept(uint32_t id, int error, void *userdata)
{
	log_not_kept(id, error);
}

static void on_turn_wanted(void *userdata)
{
	struct daemon *daemon = userdata;

	pipeline_want_turn(daemon->pipeline);
}

/* ---- construction ---- */

static int make_succession(struct daemon *daemon)
{
	return succession_new(&daemon->succession);
}

static int make_trace(struct daemon *daemon)
{
	struct trace_config config = {
		.ring_bytes = limit_value(LIMIT_RING_BYTES),
		.record = pipeline_record,
		.userdata = daemon->pipeline,
	};

	return succession_make_trace(daemon->succession, &config, &daemon->api.trace);
}

static int make_lbr(struct daemon *daemon)
{
	return succession_make_lbr(daemon->succession, &daemon->api.lbr);
}

static int make_targets(struct daemon *daemon)
{
	return targets_new(&daemon->api.targets);
}

static int make_symbols(struct daemon *daemon)
{
	const struct symbols_config config = {
		.kallsyms_path = "/proc/kallsyms",
		.sysfs_path = "/sys",
		.render = location_text_render,
		.max_locations = limit_value(LIMIT_LOCATIONS),
		.render_run = path_text_render,
		.max_path_bytes = limit_value(LIMIT_PATH_BYTES),
		.max_run = limit_value(LIMIT_RUN),
		.grace_ns = limit_value(LIMIT_SYMBOL_GRACE) * NS_PER_SECOND,
		.need = on_need,
		.userdata = daemon,
		.live = true,
	};
	struct symbols_description description;
	int r = symbols_new(&config, &daemon->api.symbols);

	if (r < 0)
		return r;
	symbols_describe(daemon->api.symbols, &description);
	if (description.addresses_hidden)
		log_degraded("the kernel hides its addresses, so branches have no names",
				"Grant CAP_SYSLOG, or set the sysctl kernel.kptr_restrict to 1 or 0");
	return 0;
}

static int make_hub(struct daemon *daemon)
{
	struct hub_config config = {
		.base = daemon->base,
		.drained = pipeline_resume,
		.subscribed = pipeline_observed,
		.userdata = daemon->pipeline,
	};
	int r = encoder_new(daemon->api.symbols, &daemon->encoder);

	config.encoder = daemon->encoder;
	return r < 0 ? r : hub_new(&config, &daemon->api.hub);
}

static int make_index_jobs(struct daemon *daemon)
{
	const struct index_jobs_config config = {
		.base = daemon->base,
		.symbols = daemon->api.symbols,
		.builder = daemon->options.builder,
		.directory = daemon->options.cache,
		.root = "",
		.limits = {
			.memory = limit_value(LIMIT_INDEX_MEMORY),
			.cpu = limit_value(LIMIT_INDEX_CPU),
			.time = limit_value(LIMIT_INDEX_TIME),
			.size = limit_value(LIMIT_INDEX_BYTES),
		},
		.changed = on_index_changed,
		.userdata = daemon,
	};
	int r = index_jobs_new(&config, &daemon->index_jobs);

	if (r == 0)
		daemon->api.indexes = index_jobs_list(daemon->index_jobs);
	return r;
}

static int make_state(struct daemon *daemon)
{
	struct state_config config = {
		.trace = daemon->api.trace,
		.lbr = daemon->api.lbr,
		.hub = daemon->api.hub,
	};
	int r = succession_make_state(daemon->succession, &config, &daemon->state);

	daemon->api.state = daemon->state;
	if (r == 0)
		hub_continue(daemon->api.hub, state_last_number(daemon->state));
	return r;
}

static int make_attachments(struct daemon *daemon)
{
	const struct attachments_config config = {
		.keeper = succession_keeper(daemon->succession),
		.state = daemon->state,
		.trace = daemon->api.trace,
		.lbr = daemon->api.lbr,
		.symbols = daemon->api.symbols,
		.hub = daemon->api.hub,
		.not_kept = on_not_kept,
		.gone = on_attachment_gone,
		.turn_wanted = on_turn_wanted,
		.userdata = daemon,
	};

	int r = attachments_new(&config, &daemon->api.attachments);

	if (r == 0)
		pipeline_hold(daemon->pipeline, succession_finish(daemon->succession, daemon->state,
				daemon->api.attachments));
	return r;
}

/* With a file that is wrong lbrd runs all the same: for root, who can repair it. */
static int make_policy(struct daemon *daemon)
{
	daemon->api.policy.file = daemon->options.policy;
	return MIN(policy_file_load(&daemon->api.policy), 0);
}

static int make_server(struct daemon *daemon)
{
	struct server_config config = {
		.base = daemon->base,
		.interface_text = proto_interface_text,
		.methods = api_methods,
		.vendor = "lbrd",
		.product = "lbrd",
		.version = LBRD_VERSION,
		.url = "https://github.com/lbrd/lbrd",
		.limits = {
			.max_message = limit_value(LIMIT_CALL_BYTES),
			.max_depth = limit_value(LIMIT_JSON_DEPTH),
			.turn_calls = limit_value(LIMIT_TURN_CALLS),
			.max_queued_replies = limit_value(LIMIT_QUEUED_REPLY_BYTES),
		},
		.events = {
			.peer_gone = on_peer_gone,
			.peer_dropped = on_peer_dropped,
			.call_failed = on_call_failed,
			.listener_failed = on_listener_failed,
		},
		.authorize = api_authorize,
		.userdata = &daemon->api,
	};
	int r;

	limits_of_users(&config.limits.users);
	r = server_new(&config, &daemon->api.server);
	return r < 0 ? r : attachments_charge(daemon->api.attachments,
			server_accounts(daemon->api.server));
}

static int start_listening(struct daemon *daemon)
{
	size_t n;
	const int *sockets = succession_sockets(daemon->succession, &n);

	if (n)
		return listen_on(daemon->api.server, sockets, n);
	daemon->place = daemon->options.socket_path;
	return listen_at(daemon->api.server, daemon->place);
}

static int watch_signals(struct daemon *daemon)
{
	static const int signals[] = {SIGTERM, SIGINT};

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		daemon->terminate[i] = evsignal_new(daemon->base, signals[i], on_terminate, daemon);
		if (!daemon->terminate[i] || evsignal_add(daemon->terminate[i], NULL) < 0)
			return -ENOMEM;
	}
	daemon->reload = evsignal_new(daemon->base, SIGHUP, on_reload, daemon);
	return daemon->reload && evsignal_add(daemon->reload, NULL) == 0 ? 0 : -ENOMEM;
}

static int feed_watchdog(struct daemon *daemon)
{
	struct timeval half;
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	half = (struct timeval){.tv_sec = us / 2 / 1000000, .tv_usec = us / 2 % 1000000};
	daemon->watchdog = event_new(daemon->base, -1, EV_PERSIST, on_watchdog, daemon);
	return daemon->watchdog && event_add(daemon->watchdog, &half) == 0 ? 0 : -ENOMEM;
}

static int keep_house(struct daemon *daemon)
{
	static const struct timeval minute = {.tv_sec = 60};

	daemon->housekeeping = event_new(daemon->base, -1, EV_PERSIST, on_housekeeping, daemon);
	return daemon->housekeeping && event_add(daemon->housekeeping, &minute) == 0 ? 0 : -ENOMEM;
}

static int start_pipeline(struct daemon *daemon)
{
	const struct pipeline_parts parts = {
		.trace = daemon->api.trace,
		.lbr = daemon->api.lbr,
		.symbols = daemon->api.symbols,
		.attachments = daemon->api.attachments,
		.hub = daemon->api.hub,
		.state = daemon->state,
	};

	daemon->api.pipeline = pipeline_count(daemon->pipeline);
	return pipeline_start(daemon->pipeline, &parts);
}

static int make_loop(struct daemon *daemon)
{
	daemon->base = event_base_new();
	/* 0 for the reports of code that comes and goes, 1 for all others. */
	if (!daemon->base || event_base_priority_init(daemon->base, 2) < 0)
		return -ENOMEM;
	daemon->api.base = daemon->base;
	return watch_signals(daemon);
}

static int make_pipeline(struct daemon *daemon)
{
	return pipeline_new(daemon->base, &daemon->pipeline);
}

static const struct {
	int (*step)(struct daemon *daemon);
	const char *what;
	const char *hint;
} construction[] = {
	{make_loop, "making the event loop", "See the limits of memory and files."},
	{make_succession, "taking in what the service manager hands over",
		"See the limit of memory."},
	{make_pipeline, "making the pipeline", "See the limit of memory."},
	{make_trace, "creating the ring buffer and the maps of the tracers",
		"lbrd needs Linux 5.16 or newer; run it as root, by systemd, or with CAP_BPF and "
		"CAP_PERFMON."},
	{make_lbr, "preparing branch records", "See the limit of memory."},
	{make_targets, "preparing targets", "See the limit of memory."},
	{make_symbols, "reading the kernel's symbols", "Is /proc mounted?"},
	{make_hub, "making the hub", "See the limit of memory."},
	{make_index_jobs, "preparing indices of lines", "See the limit of memory."},
	{make_state, "preparing what outlives lbrd", "See the limit of memory."},
	{make_attachments, "making the table of attachments", "See the limit of memory."},
	{make_policy, "making the policy", "See the limit of memory."},
	{make_server, "making the server", "Is this lbrd whole? Install it again."},
	{start_pipeline, "starting the pipeline", "See the limits of memory and files."},
	{keep_house, "setting up housekeeping", "See the limit of memory."},
	{feed_watchdog, "setting up the watchdog", "See the limit of memory."},
	{start_listening, "listening for clients",
		"If another lbrd serves there, stop it; else use --socket for a place that can be "
		"written."},
};

static int daemon_construct(struct daemon *daemon)
{
	api_init(&daemon->api);
	daemon->api.turns = &daemon->turns;
	daemon->api.since = clock_ns(CLOCK_REALTIME);
	for (size_t i = 0; i < ARRAY_SIZE(construction); i++) {
		int r = construction[i].step(daemon);

		if (r < 0) {
			log_start_failed(construction[i].what, daemon->place, strerror(-r),
					construction[i].hint);
			return r;
		}
	}
	return 0;
}

static void daemon_destroy(struct daemon *daemon)
{
	struct api *api = &daemon->api;

	server_free(api->server);
	attachments_free(api->attachments);
	state_free(daemon->state);
	index_jobs_free(daemon->index_jobs);
	hub_free(api->hub);
	encoder_free(daemon->encoder);
	symbols_free(api->symbols);
	targets_free(api->targets);
	lbr_free(api->lbr);
	trace_free(api->trace);
	pipeline_free(daemon->pipeline);
	succession_free(daemon->succession);
	event_clear(&daemon->watchdog);
	event_clear(&daemon->housekeeping);
	event_clear(&daemon->reload);
	for (int i = 0; i < 2; i++)
		event_clear(&daemon->terminate[i]);
	if (daemon->base)
		event_base_free(daemon->base);
	policy_free(api->policy.rules);
	libevent_global_shutdown();
}

static void shut_down(struct daemon *daemon)
{
	sd_notify(0, "STOPPING=1\nSTATUS=Handing out the last events.");
	attachments_shut_down(daemon->api.attachments);
	pipeline_finish(daemon->pipeline);
	server_flush(daemon->api.server, SHUTDOWN_FLUSH_MS);
	state_commit(daemon->state, daemon->api.attachments);
	succession_hand_over(daemon->succession);
}

int main(int argc, char **argv)
{
	struct daemon daemon = {};
	int r, status;

	if (options_parse(argc, argv, &daemon.options, &status) != 0)
		return status;
	r = daemon_construct(&daemon);
	if (r == 0) {
		sd_notify(0, "READY=1\nSTATUS=Serving io.lbrd.");
		loop_run(daemon.base, &daemon.turns);
		shut_down(&daemon);
	}
	daemon_destroy(&daemon);
	return r < 0 || daemon.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
