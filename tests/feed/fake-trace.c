/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracers and their ring, played from a recording, so that all the rest of lbrd runs on any
 * machine and at any rate. The ring is a pipe: each byte in it is one record, the next one of the
 * file of records, as if the latest tracer had written it. LBRD_FEED is "PIPE,FILE", two inherited
 * descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/record.h"
#include "common/clock.h"
#include "common/macro.h"
#include "daemon/trace/trace.h"

struct tracer {
	struct trace *trace;
	struct target target;
	bool without_branches;
	unsigned int n_uses;
	uint32_t number;
	struct tracer *next;
};

struct trace {
	struct trace_config config;
	int pipe, detached;
	const char *records;
	size_t n_records, record_size;
	uint64_t handed; /* records, so far */
	uint32_t last_number;
	struct tracer *tracers; /* the latest first */
};

int trace_new(const struct trace_config *config, struct trace **ret)
{
	const char *feed = getenv("LBRD_FEED");
	struct trace *trace = calloc(1, sizeof(*trace));
	struct stat st;
	int file;

	if (!trace)
		return -ENOMEM;
	trace->config = *config;
	trace->record_size = LBRD_RECORD_HEADER_SIZE + 32 * sizeof(struct perf_branch_entry);
	if (!feed || sscanf(feed, "%d,%d", &trace->pipe, &file) != 2 || fstat(file, &st) < 0) {
		free(trace);
		return -EINVAL;
	}
	trace->n_records = st.st_size / trace->record_size;
	trace->records = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, file, 0);
	trace->detached = eventfd(0, 0);
	fcntl(trace->pipe, F_SETFL, O_NONBLOCK);
	*ret = trace;
	return 0;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	munmap((void *)trace->records, trace->n_records * trace->record_size);
	close(trace->detached);
	free(trace);
}

int trace_probe(struct trace *trace)
{
	return 0;
}

bool trace_has_snapshot_helper(struct trace *trace)
{
	return true;
}

int trace_ring_fd(const struct trace *trace)
{
	return trace->pipe;
}

static void hand_up(struct trace *trace)
{
	size_t i = trace->handed % trace->n_records;
	struct lbrd_record record;

	memcpy(&record, trace->records + i * trace->record_size, trace->record_size);
	record.timestamp = clock_ns(CLOCK_MONOTONIC);
	record.tracer = trace->tracers ? trace->tracers->number : 0;
	trace->handed++;
	trace->config.record(&record, trace->record_size, trace->config.userdata);
}

size_t trace_drain(struct trace *trace, size_t max)
{
	char bytes[256];
	ssize_t n = read(trace->pipe, bytes, MIN(max, sizeof(bytes)));

	for (ssize_t i = 0; i < n; i++)
		hand_up(trace);
	return MAX(n, 0);
}

static size_t waiting(const struct trace *trace)
{
	int n = 0;

	ioctl(trace->pipe, FIONREAD, &n);
	return n * (trace->record_size + 8);
}

uint64_t trace_position(const struct trace *trace)
{
	return trace->handed * (trace->record_size + 8);
}

uint64_t trace_end(const struct trace *trace)
{
	return trace_position(trace) + waiting(trace);
}

void trace_release(struct trace *trace)
{
}

size_t trace_unreleased(const struct trace *trace)
{
	return 0;
}

uint32_t trace_last_number(const struct trace *trace)
{
	return trace->last_number;
}

void trace_forget_unused(struct trace *trace)
{
}

int trace_detached_fd(const struct trace *trace)
{
	return trace->detached;
}

void trace_hear_detached(struct trace *trace)
{
}

void trace_wait_detached(struct trace *trace)
{
}

void trace_describe(const struct trace *trace, struct trace_description *ret)
{
	*ret = (struct trace_description){
		.ring_bytes = trace->config.ring_bytes,
		.ring_used = waiting(trace),
		.records = trace->handed,
	};
	for (const struct tracer *tracer = trace->tracers; tracer; tracer = tracer->next)
		ret->n_tracers++;
}

/* ---- tracers ---- */

static bool is_same(const struct tracer *tracer, const struct target *target,
		bool without_branches)
{
	return tracer->without_branches == without_branches &&
			tracer->target.mode == target->mode &&
			!strcmp(tracer->target.function, target->function);
}

int tracer_acquire(struct trace *trace, const struct target *target, bool without_branches,
		char *detail, size_t detail_size, struct tracer **ret)
{
	struct tracer *tracer = trace->tracers;

	while (tracer && !is_same(tracer, target, without_branches))
		tracer = tracer->next;
	if (!tracer) {
		tracer = calloc(1, sizeof(*tracer));
		if (!tracer)
			return -ENOMEM;
		tracer->trace = trace;
		tracer->target = *target;
		tracer->without_branches = without_branches;
		tracer->number = ++trace->last_number;
		tracer->next = trace->tracers;
		trace->tracers = tracer;
	}
	tracer->n_uses++;
	*ret = tracer;
	return 0;
}

void tracer_release(struct tracer *tracer)
{
	struct tracer **link;

	if (--tracer->n_uses)
		return;
	for (link = &tracer->trace->tracers; *link != tracer; link = &(*link)->next)
		;
	*link = tracer->next;
	free(tracer);
}

int tracer_activate(struct tracer *tracer, char *detail, size_t detail_size)
{
	return 0;
}

void tracer_deactivate(struct tracer *tracer)
{
}

bool tracer_is_detaching(struct tracer *tracer)
{
	return false;
}

int tracer_keep(struct tracer *tracer)
{
	return 0;
}

void tracer_unkeep(struct tracer *tracer)
{
}

void tracer_kept_name(uint32_t number, char name[KEPT_NAME_MAX])
{
	snprintf(name, KEPT_NAME_MAX, "tracer-%u", number);
}

uint32_t tracer_number(const struct tracer *tracer)
{
	return tracer->number;
}

uint32_t tracer_program_id(const struct tracer *tracer)
{
	return 0;
}

unsigned int tracer_n_uses(const struct tracer *tracer)
{
	return tracer->n_uses;
}

const struct target *tracer_target(const struct tracer *tracer)
{
	return &tracer->target;
}

bool tracer_target_gone(struct tracer *tracer)
{
	return false;
}

void tracer_set_filter(struct tracer *tracer, const struct tracer_filter *filter)
{
}

void tracer_losses(struct tracer *tracer, bool exact, struct tracer_losses *ret)
{
	*ret = (struct tracer_losses){};
}
