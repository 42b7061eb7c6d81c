/* SPDX-License-Identifier: Apache-2.0 */
/* Describe: what works on this machine and why not, how full everything is. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/api/api.h"
#include "daemon/api/errors.h"
#include "daemon/api/limits.h"
#include "daemon/api/replies.h"

static void add_branch_records(struct api *api, struct json_object *object)
{
	static const char *const modes[] = {
		[LBR_COUNTING] = "counting",
		[LBR_SAMPLING] = "sampling",
	};
	bool helper = trace_has_snapshot_helper(api->trace);
	int error = helper ? lbr_probe(api->lbr, NULL) : 0;

	reply_add_bool(object, "branchRecords", helper && !error);
	if (!helper || error)
		reply_add_string(object, "branchRecordsProblem", branch_records_message(error));
	if (lbr_depth(api->lbr))
		reply_add_int(object, "branchDepth", lbr_depth(api->lbr));
	reply_add_string(object, "branchRecordsMode", modes[lbr_mode(api->lbr)]);
	reply_add_int(object, "onlineCpus", lbr_online_cpus(api->lbr));
}

static struct json_object *feature_json(const char *name, bool available, const char *meaning)
{
	struct json_object *object = json_object_new_object();

	reply_add_string(object, "name", name);
	reply_add_bool(object, "available", available);
	reply_add_string(object, "meaning", meaning);
	return object;
}

static struct json_object *features_json(struct api *api,
		const struct symbols_description *symbols)
{
	struct json_object *array = json_object_new_array();

	if (!array)
		return NULL;
	json_tree_append(array, feature_json("tracingPrograms", !trace_probe(api->trace),
			"Programs at the entry and exit of functions: nothing works without (5.5)."));
	json_tree_append(array, feature_json("branchSnapshot",
			trace_has_snapshot_helper(api->trace),
			"The helper that hands branch records to a program (5.16)."));
	json_tree_append(array, feature_json("loadReports", symbols->notified,
			"Reports of programs loaded and unloaded, for names that are right (5.9)."));
	return array;
}

/* The first "model name" of /proc/cpuinfo; "" where it has none. */
static void read_cpu_model(char *buffer, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	buffer[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ':');

		if (!value || strncmp(line, "model name", strlen("model name")))
			continue;
		value[strcspn(value, "\n")] = '\0';
		snprintf(buffer, size, "%s", value + strspn(value, ": "));
		return;
	}
}

static void add_addresses(struct json_object *object, const struct symbols_description *symbols,
		bool hide)
{
	reply_add_bool(object, "addresses",
			!symbols->addresses_hidden && !symbols->programs_hidden && !hide);
	if (symbols->addresses_hidden)
		reply_add_string(object, "addressesProblem",
				"kallsyms shows no addresses: set the sysctl kernel.kptr_restrict to 1 or 0.");
	else if (symbols->programs_hidden)
		reply_add_string(object, "addressesProblem", "The kernel hides the code of BPF programs: "
				"set the sysctls kernel.kptr_restrict and net.core.bpf_jit_harden to 1 or 0.");
	else if (hide)
		reply_add_string(object, "addressesProblem",
				"The policy of lbrd hides them from you; functions and offsets stay.");
}

static void add_kernel(struct api *api, struct json_object *object,
		const struct symbols_description *symbols)
{
	int tracing = trace_probe(api->trace);
	struct utsname uts;
	char cpu[128];

	uname(&uts);
	read_cpu_model(cpu, sizeof(cpu));
	reply_add_string(object, "kernel", uts.release);
	reply_add_string(object, "cpu", cpu);
	reply_add(object, "features", features_json(api, symbols));
	add_branch_records(api, object);
	reply_add_bool(object, "tracing", tracing == 0);
	if (tracing < 0)
		reply_add_string(object, "tracingProblem", tracing_message(tracing));
}

/* `account`: of the caller. */
static struct json_object *limits_json(const struct account *account)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < N_LIMITS; i++) {
		struct json_object *object = json_object_new_object();
		int resource = limit_resource(i);

		reply_add_string(object, "name", limits[i].name);
		reply_add_int(object, "value", limits[i].value);
		reply_add_string(object, "unit", limits[i].unit);
		reply_add_string(object, "reason", limits[i].reason);
		if (resource >= 0) {
			reply_add_int(object, "used", account_used_by_all(account, resource));
			reply_add_int(object, "share", account_allowance(account, resource));
		}
		json_tree_append(array, object);
	}
	return array;
}

struct counter {
	const char *name;
	uint64_t value;
	const char *meaning;
};

static struct json_object *counters_json(const struct counter *counters, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < n; i++) {
		struct json_object *object = json_object_new_object();

		reply_add_string(object, "name", counters[i].name);
		reply_add_int(object, "value", counters[i].value);
		reply_add_string(object, "meaning", counters[i].meaning);
		json_tree_append(array, object);
	}
	return array;
}

static struct json_object *collect_counters(struct api *api,
		const struct symbols_description *symbols)
{
	const struct pipeline_counters *pipeline = api->pipeline;
	struct trace_description trace;
	struct hub_counters hub;

	trace_describe(api->trace, &trace);
	hub_count(api->hub, &hub);
	const struct counter counters[] = {
		{"tracers", trace.n_tracers, "Tracers loaded now."},
		{"ringUsed", trace.ring_used, "Bytes that wait in the ring buffer."},
		{"records", pipeline->records, "Records taken from the ring buffer."},
		{"malformed", pipeline->malformed, "Records that were not well-formed."},
		{"unwanted", pipeline->unwanted, "Records that no attachment asked for."},
		{"empty", pipeline->empty, "Snapshots without a branch."},
		{"repeated", pipeline->repeated, "Snapshots identical to the one before on that CPU."},
		{"outOfMemory", pipeline->out_of_memory, "Events lost because memory ran out."},
		{"published", hub.published, "Events published."},
		{"delivered", hub.delivered, "Events times observers."},
		{"skipped", hub.skipped, "Snapshots that slow observers did not get."},
		{"stalled", hub.stalled, "Observers disconnected because they did not read."},
		{"keptEvents", hub.kept_events, "Events kept for replay."},
		{"keptBytes", hub.kept_bytes, "Bytes they take."},
		{"turns", api->turns->turns, "Turns of the event loop."},
		{"turnsOver1Ms", api->turns->over_1_ms, "Those that took more than 1 ms of CPU time."},
		{"turnsOver5Ms", api->turns->over_5_ms, "Those that took more than 5 ms."},
		{"longestTurn", api->turns->longest / 1000, "The longest one, in microseconds."},
		{"connections", server_n_peers(api->server), "Clients connected now."},
		{"kernelSymbols", symbols->kernel_symbols, "Functions known by name."},
		{"programs", symbols->programs, "BPF programs known, the just unloaded included."},
		{"symbolBytes", symbols->bytes, "Memory that symbols take."},
		{"locations", symbols->cached_locations, "Code addresses named and rendered."},
		{"locationBytes", symbols->location_bytes, "Memory that they take, of symbolBytes."},
		{"indexBytes", symbols->mapped_bytes, "Indices of lines mapped: file pages, not memory."},
		{"locationHits", symbols->cache_hits, "Addresses that were known."},
		{"locationMisses", symbols->cache_misses, "Addresses that had to be looked up."},
		{"runs", symbols->cached_runs, "Runs of instructions decoded and rendered."},
		{"runBytes", symbols->run_bytes, "Memory that they take."},
		{"runHits", symbols->run_hits, "Runs of a path that were known."},
		{"runMisses", symbols->run_misses, "Runs that had to be decoded."},
		{"lostReports", symbols->lost_reports, "Kernel reports lost: everything re-read."},
	};

	return counters_json(counters, ARRAY_SIZE(counters));
}

static struct json_object *indexes_json(const struct index_list *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < list->n; i++)
		json_tree_append(array, reply_index(list->items[i]));
	return array;
}

static void add_policy(struct api *api, struct json_object *object, struct peer *peer)
{
	struct json_object *rights = json_object_new_array();

	for (int right = 0; rights && right < N_RIGHTS; right++)
		if (policy_allows(api->policy.rules, right, peer))
			json_tree_append(rights, json_object_new_string(right_name(right)));
	reply_add(object, "rights", rights);
	reply_add_string(object, "policyFile", api->policy.file);
	if (api->policy.built_in)
		reply_add_bool(object, "policyBuiltIn", true);
	reply_add_string(object, "policyProblem", api->policy.problem);
}

int method_describe(struct call *call, struct json_object *parameters, void *userdata)
{
	struct json_object *object = json_object_new_object();
	struct symbols_description symbols;
	struct api *api = userdata;

	if (object) {
		symbols_describe(api->symbols, &symbols);
		reply_add_string(object, "version", LBRD_VERSION);
		reply_add_int(object, "processId", getpid());
		reply_add_int(object, "since", api->since);
		add_kernel(api, object, &symbols);
		add_addresses(object, &symbols, api_hides(api, call));
		reply_add_int(object, "attachments", attachments_count(api->attachments));
		reply_add_int(object, "observers", hub_n_observers(api->hub, 0));
		reply_add(object, "limits", limits_json(peer_account(call_peer(call))));
		reply_add(object, "counters", collect_counters(api, &symbols));
		reply_add(object, "indexes", indexes_json(api->indexes));
		add_policy(api, object, call_peer(call));
	}
	return call_reply(call, object);
}
