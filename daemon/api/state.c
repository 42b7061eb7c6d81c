/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the state. SIGKILL may come between any two stores, and what was stored before it remains:
 * the order of the stores is all that matters. Rule: a store that makes others valid is a release,
 * and comes last.
 */
#include "daemon/api/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/attachments.h"
#include "daemon/api/hub.h"
#include "daemon/api/state-table.h"
#include "daemon/api/tracing.h"

/* An eighth of the ring: most of it must be free for what comes while nobody reads. */
#define OPEN_BYTES_MAX (2u << 20)
#define OPEN_ENTRIES_MAX (STATE_JOURNAL / 4)

struct state {
	struct state_config config;
	uint64_t lineage;
	char lineage_text[17];
	uint64_t generation;
	struct state_view view; /* of the mapped memory; all NULL before the first save */
	/* As of the latest commit. */
	uint64_t sequence;
	uint64_t n_settled; /* journal entries */
	/* Journal entries of an earlier lbrd whose records come again. */
	uint64_t replayed;
	uint64_t replay_end;
	/* Before the first save: what it goes on with. */
	struct state_live live;
	struct state_published *journal;
};

/* Without tracers there is no ring to take over: nothing comes again. */
static void settle_all(struct state *state, const struct state_view *previous)
{
	state->n_settled = state->live.n_published;
	if (state->n_settled)
		state->sequence = state_journal_at(previous, state->n_settled - 1)->sequence;
}

static void take_over(struct state *state, const struct state_view *previous)
{
	const struct state_progress *progress = previous->progress[previous->live->current];

	state->lineage = previous->header->lineage;
	state->generation = previous->header->generation;
	state->live = *previous->live;
	state->journal = previous->journal;
	state->sequence = progress->sequence;
	state->n_settled = progress->n_published;
	if (!previous->header->n_tracers)
		settle_all(state, previous);
	state->replayed = state->n_settled;
	state->replay_end = state->live.n_published;
}

int state_new(const struct state_config *config, struct state **ret)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->config = *config;
	if (config->previous)
		take_over(state, config->previous);
	else if (getrandom(&state->lineage, sizeof(state->lineage), 0) < 0)
		state->lineage = clock_ns(CLOCK_REALTIME);
	if (config->keeper)
		snprintf(state->lineage_text, sizeof(state->lineage_text), "%016" PRIx64,
				state->lineage);
	*ret = state;
	return 0;
}

static void unmap(struct state_view *view)
{
	if (view->header)
		munmap(view->header, view->header->size);
}

void state_free(struct state *state)
{
	if (!state)
		return;
	unmap(&state->view);
	free(state);
}

/* ---- progress ---- */

/* All that handing records up changes, and that comes again with them. */
static void write_counts(const struct attachment *attachment, struct state_counts *ret)
{
	ret->events = attachment->events;
	ret->second_start = attachment->second_start;
	ret->second_events = attachment->second_events;
}

static void write_counted_losses(const struct attachment *attachment, struct state_counts *ret)
{
	ret->losses = attachment->losses;
	ret->unreported = attachment->unreported;
}

static void write_seen(const struct tracer_losses *seen, struct state_seen *ret)
{
	*ret = (struct state_seen){
		.ring_full = seen->ring_full,
		.slot_busy = seen->slot_busy,
		.recursion = seen->recursion,
		.rate = seen->rate,
	};
}

/* Goes past the journal entries of what was handed up before `position`. */
static void settle(struct state *state, const struct state_view *view, uint64_t position)
{
	while (state->n_settled < view->live->n_published) {
		const struct state_published *published =
				state_journal_at(view, state->n_settled);

		if (published->position >= position)
			break;
		state->sequence = published->sequence;
		state->n_settled++;
	}
}

static void write_losses(const struct state_view *view, unsigned int copy,
		struct attachments *attachments)
{
	struct state_progress *progress = view->progress[copy];
	struct state_counts *counts = view->counts[copy];
	struct state_seen *seen = view->seen[copy];
	struct attachment *attachment = NULL;

	progress->counted_until = attachments_counted_until(attachments);
	attachments_losses(attachments, NULL, 0, &progress->losses);
	while ((attachment = state_next_kept(attachments, attachment))) {
		write_counted_losses(attachment, counts++);
		for (size_t i = 0; i < attachment->n_uses; i++)
			write_seen(&attachment->uses[i].seen, seen++);
	}
	progress->checksum = state_progress_checksum(view, copy);
}

static void write_progress(struct state *state, const struct state_view *view, unsigned int copy,
		struct attachments *attachments)
{
	struct state_progress *progress = view->progress[copy];
	struct state_counts *counts = view->counts[copy];
	const struct lbr_kind kind = lbr_kind(state->config.lbr);
	struct attachment *attachment = NULL;

	*progress = (struct state_progress){
		.position = trace_position(state->config.trace),
		.lbr_mode = kind.mode,
		.lbr_types = kind.types,
	};
	settle(state, view, progress->position);
	progress->sequence = state->sequence;
	progress->n_published = state->n_settled;
	while ((attachment = state_next_kept(attachments, attachment)))
		write_counts(attachment, counts++);
	write_losses(view, copy, attachments);
}

/* The other copy of the progress is whole: it is the one that counts. */
static void switch_copies(struct state_live *live)
{
	__atomic_store_n(&live->current, !live->current, __ATOMIC_RELEASE);
}

void state_commit(struct state *state, struct attachments *attachments)
{
	struct state_live *live = state->view.live;

	if (live) {
		write_progress(state, &state->view, !live->current, attachments);
		switch_copies(live);
		live->attempts = 0;
	}
	trace_release(state->config.trace);
}

void state_commit_losses(struct state *state, struct attachments *attachments)
{
	struct state_live *live = state->view.live;

	if (!live)
		return;
	state_progress_copy(&state->view, live->current);
	write_losses(&state->view, !live->current, attachments);
	switch_copies(live);
}

bool state_is_long(const struct state *state)
{
	return !state->view.header ||
			state->view.live->n_published - state->n_settled > OPEN_ENTRIES_MAX ||
			trace_unreleased(state->config.trace) > OPEN_BYTES_MAX;
}

/* ---- the whole ---- */

static void kept_name(uint64_t generation, char name[KEPT_NAME_MAX])
{
	snprintf(name, KEPT_NAME_MAX, STATE_NAME "%" PRIu64, generation);
}

/* Mapped memory of the size that `header` tells, with the header in its place. */
static int make_memory(const struct state_header *header, struct state_view *ret, int *ret_fd)
{
	_cleanup_close_ int fd = memfd_create("lbrd-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory;

	if (fd < 0 || ftruncate(fd, (off_t)header->size) < 0 ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	memory = mmap(NULL, header->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	memcpy(memory, header, sizeof(*header));
	state_view_init(ret, memory);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void adopt_view(struct state *state, const struct state_view *view)
{
	const struct keeper *keeper = state->config.keeper;
	char name[KEPT_NAME_MAX];

	if (state->view.header) {
		kept_name(state->view.header->generation, name);
		keeper->forget(name, keeper->userdata);
		unmap(&state->view);
	}
	state->view = *view;
	state->journal = NULL;
}

static void count(struct state_live *live, const struct state *state,
		const struct attachments *attachments)
{
	live->last_tracer = trace_last_number(state->config.trace);
	live->last_attachment = attachments_last_id(attachments);
}

int state_save(struct state *state, struct attachments *attachments)
{
	struct state_table table __attribute__((cleanup(state_table_deinit))) = {};
	const struct state_view *old = &state->view;
	_cleanup_close_ int fd = -1;
	struct state_view view;
	char name[KEPT_NAME_MAX];
	int r;

	if (!state->config.keeper)
		return 0;
	r = state_table_collect(attachments, &table);
	if (r < 0)
		return r;
	table.header.lineage = state->lineage;
	table.header.generation = ++state->generation;
	r = make_memory(&table.header, &view, &fd);
	if (r < 0)
		return r;
	state_table_write(&table, &view);
	*view.live = (struct state_live){
		/* Whoever asks for another one has seen this lbrd serve. */
		.attempts = old->header ? 0 : state->live.attempts,
		.n_observers = old->header ? old->live->n_observers : state->live.n_observers,
		.n_published = old->header ? old->live->n_published : state->live.n_published,
	};
	count(view.live, state, attachments);
	if (old->header || state->journal)
		memcpy(view.journal, old->header ? old->journal : state->journal,
				STATE_JOURNAL * sizeof(*view.journal));
	view.header->checksum = state_header_checksum(&view);
	write_progress(state, &view, 0, attachments);

	kept_name(state->generation, name);
	r = state->config.keeper->keep(name, fd, state->config.keeper->userdata);
	if (r < 0) {
		unmap(&view);
		return r;
	}
	adopt_view(state, &view);
	trace_release(state->config.trace);
	return 0;
}

/* ---- the journal ---- */

/* The number that an earlier lbrd gave to the event of this record; 0: none. */
static uint64_t find_number(struct state *state, uint64_t position)
{
	while (state->replayed < state->replay_end) {
		const struct state_published *published =
				state_journal_at(&state->view, state->replayed);

		if (published->position > position)
			break;
		if (published->position == position)
			return published->sequence;
		state->replayed++;
	}
	return 0;
}

/* What comes again has its entries already, and is settled before what is new needs them. */
size_t state_room(const struct state *state, size_t n_attachments)
{
	uint64_t room = STATE_JOURNAL;

	if (!state->view.header)
		return SIZE_MAX;
	room -= state->view.live->n_published - state->n_settled;
	return room > n_attachments ? room / MAX(n_attachments, 1u) : 1;
}

static void remember(struct state *state, uint64_t sequence, uint64_t position,
		const struct audience *audience)
{
	struct state_live *live = state->view.live;
	uint64_t number = live->n_published;

	for (size_t i = 0; i < audience->n_attachments; i++)
		*state_journal_at(&state->view, number++) = (struct state_published){
			.sequence = sequence,
			.position = position,
			.attachment = audience->attachments[i],
		};
	__atomic_store_n(&live->n_published, number, __ATOMIC_RELEASE);
}

uint64_t state_number(struct state *state, const struct audience *audience)
{
	uint64_t position = trace_position(state->config.trace), sequence = 0;

	if (state->view.header)
		sequence = find_number(state, position);
	if (sequence)
		return sequence;
	sequence = hub_next_sequence(state->config.hub);
	/* Before the last one that comes again the journal is written already. */
	if (state->view.header && state->replayed == state->replay_end)
		remember(state, sequence, position, audience);
	return sequence;
}

uint64_t state_last_number(const struct state *state)
{
	const struct state_view *previous = state->config.previous;

	if (state->replay_end == state->n_settled)
		return state->sequence;
	return state_journal_at(previous, state->replay_end - 1)->sequence;
}

const char *state_lineage(const struct state *state)
{
	return state->lineage_text;
}

static bool is_among(uint32_t id, const uint32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

uint64_t state_sequence(const struct state *state)
{
	uint64_t last = hub_last_kept(state->config.hub);

	return last ? last : state->sequence;
}

void state_count(struct state *state, struct attachments *attachments)
{
	if (!state->view.live)
		return;
	state->view.live->n_observers = hub_n_observers(state->config.hub, 0);
	count(state->view.live, state, attachments);
}

uint64_t state_missed(const struct state *state, uint64_t after, const uint32_t *ids, size_t n,
		uint64_t *ret_last)
{
	uint64_t end = state->view.live ? state->view.live->n_published : 0;
	uint64_t number = end > STATE_JOURNAL ? end - STATE_JOURNAL : 0;
	uint64_t kept = hub_first_kept(state->config.hub), missed = 0, counted = after;
	uint64_t last = kept ? kept - 1 : state->sequence;

	*ret_last = last;
	/* Of all attachments every number is an event, also those that the journal forgot. */
	if (n == 0)
		return last > after ? last - after : 0;
	for (; number < end; number++) {
		const struct state_published *published = state_journal_at(&state->view, number);
		uint64_t sequence = published->sequence;

		if (sequence > last)
			break;
		if (sequence > counted && is_among(published->attachment, ids, n)) {
			missed++;
			counted = sequence;
		}
	}
	return missed;
}
