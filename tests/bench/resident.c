/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record costs in a resident daemon, and what that holds in memory: the symbols, the encoder
 * and the hub of lbrd, with its limits, are given the addresses of standard input, two a branch.
 * usage: resident INDEX KALLSYMS SYSFS ROUNDS
 *
 * Prints the nanoseconds of CPU time of the first record once its locations are known, the bytes of
 * private memory with it and with all of them, and the bytes of the mapped index that are dirty.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/api/encoder.h"
#include "daemon/api/hub.h"
#include "daemon/api/limits.h"
#include "daemon/api/location-text.h"
#include "daemon/api/path-text.h"
#include "daemon/symbol/index.h"

#define BRANCHES 32

struct resident {
	struct event_base *base;
	struct symbols *symbols;
	struct encoder *encoder;
	struct hub *hub;
	struct source *source;
};

static void give_up(const char *what)
{
	fprintf(stderr, "resident: %s failed\n", what);
	exit(1);
}

static void on_need(const struct symbol_object *object, void *userdata)
{
}

static void resident_init(struct resident *resident, const char *kallsyms, const char *sysfs,
		const struct target *target)
{
	const struct symbols_config config = {
		.kallsyms_path = kallsyms,
		.sysfs_path = sysfs,
		.render = location_text_render,
		.max_locations = limit_value(LIMIT_LOCATIONS),
		.render_run = path_text_render,
		.max_path_bytes = limit_value(LIMIT_PATH_BYTES),
		.max_run = limit_value(LIMIT_RUN),
		.need = on_need,
	};
	struct hub_config hub = {};

	hub.base = resident->base = event_base_new();
	if (!hub.base || symbols_new(&config, &resident->symbols) < 0 ||
	    encoder_new(resident->symbols, &resident->encoder) < 0)
		give_up("construction");
	hub.encoder = resident->encoder;
	if (hub_new(&hub, &resident->hub) < 0 || source_new(target, &resident->source) < 0)
		give_up("construction");
}

static void resident_deinit(struct resident *resident)
{
	hub_free(resident->hub);
	source_unref(resident->source);
	encoder_free(resident->encoder);
	symbols_free(resident->symbols);
	event_base_free(resident->base);
}

static struct observation *encode(struct resident *resident, const struct snapshot *snapshot)
{
	static const uint32_t attachment = 1;
	const struct audience audience = {
		.source = resident->source, .n_attachments = 1, .attachments = &attachment,
	};
	struct observation *observation;

	if (observation_new(snapshot, &audience, hub_next_sequence(resident->hub),
			    &observation) < 0 ||
	    encoder_encode(resident->encoder, observation, VIEW_BRANCHES) < 0)
		give_up("encoding");
	return observation;
}

static double encode_often(struct resident *resident, const struct snapshot *snapshot,
		unsigned long rounds)
{
	uint64_t started;

	observation_unref(encode(resident, snapshot)); /* from here on it is known */
	started = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned long i = 0; i < rounds; i++)
		observation_unref(encode(resident, snapshot));
	return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - started) / rounds;
}

/* As the pipeline does it: what is old is dropped between two records. */
static void publish(struct resident *resident, const struct snapshot *snapshot)
{
	struct observation *observation;

	symbols_refresh(resident->symbols);
	observation = encode(resident, snapshot);
	hub_publish(resident->hub, observation);
	observation_unref(observation);
}

static size_t read_snapshots(struct snapshot **ret)
{
	const struct snapshot empty = {.timestamp = clock_ns(CLOCK_MONOTONIC)};
	struct snapshot *all = NULL;
	uint64_t address, before = 0;
	size_t n = 0, ends = 0;

	for (; scanf("%lx", &address) == 1; ends++, before = address) {
		struct snapshot *last;

		if (ends % (2 * BRANCHES) == 0) {
			all = reallocarray(all, ++n, sizeof(*all));
			if (!all)
				give_up("allocation");
			all[n - 1] = empty;
		}
		last = &all[n - 1];
		if (ends % 2)
			last->branches[last->n_branches++] = (struct branch){
				.from = before, .to = address, .predicted = true,
				.type = BRANCH_TYPE_CONDITIONAL, .cycles = 1 + ends % 37,
			};
	}
	*ret = all;
	return n;
}

struct memory {
	size_t private, index_dirty;
};

/*
 * What is private by /proc/self/smaps: the index apart, whose clean pages look so as long as nobody
 * else has them mapped.
 */
static struct memory measure(const char *index)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	struct memory memory = {};
	bool in_index = false;
	char line[512];
	size_t kib;

	if (!file)
		give_up("reading smaps");
	while (fgets(line, sizeof(line), file)) {
		if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
			in_index = strstr(line, index);
		else if (sscanf(line, "Private_Dirty: %zu", &kib) == 1)
			*(in_index ? &memory.index_dirty : &memory.private) += kib << 10;
		else if (sscanf(line, "Shared_Dirty: %zu", &kib) == 1 && in_index)
			memory.index_dirty += kib << 10;
		else if (sscanf(line, "Private_Clean: %zu", &kib) == 1 && !in_index)
			memory.private += kib << 10;
	}
	fclose(file);
	return memory;
}

int main(int argc, char **argv)
{
	struct target target = {.kind = TARGET_FUNCTION, .function = "a_function"};
	struct resident resident;
	struct snapshot *snapshots;
	struct index *index = NULL;
	struct memory hot, all;
	size_t n = read_snapshots(&snapshots);
	double ns;

	if (argc != 5 || n == 0 || index_open(argv[1], NULL, 0, &index, NULL) != 0)
		give_up("reading the arguments");
	/* The newest branch leaves it: nothing is trimmed. */
	target.start = snapshots[0].branches[0].from;
	target.end = target.start + 1;
	resident_init(&resident, argv[2], argv[3], &target);
	if (!symbols_take_index(resident.symbols, index))
		give_up("taking the index");
	ns = encode_often(&resident, &snapshots[0], strtoul(argv[4], NULL, 10));
	for (uint64_t i = 0; i < limit_value(LIMIT_REPLAY_EVENTS); i++)
		publish(&resident, &snapshots[0]);
	hot = measure(argv[1]);
	for (size_t i = 0; i < n; i++)
		publish(&resident, &snapshots[i]);
	all = measure(argv[1]);
	printf("%.0f %zu %zu %zu\n", ns, hot.private, all.private, all.index_dirty);
	resident_deinit(&resident);
	free(snapshots);
	return 0;
}
