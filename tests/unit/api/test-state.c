/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier lbrd left is believed only when all of it is as it should be. */
#include <stddef.h>

#include "tests/unit/api/state-sample.h"
#include "tests/unit/check.h"

/* With the checksums put right, so that it must be the value itself that is found. */
static const char *check_again(struct state_view *view, size_t size)
{
	struct state_view again;

	view->header->checksum = state_header_checksum(view);
	for (unsigned int copy = 0; copy < 2; copy++)
		view->progress[copy]->checksum = state_progress_checksum(view, copy);
	return state_check(view->header, size, &again);
}

#define REFUSED(member, value) \
	do { \
		struct state_view view; \
		size_t size; \
		void *memory = sample_state(&view, &size); \
		CHECK(!check_again(&view, size)); \
		view.member = (value); \
		CHECK(check_again(&view, size)); \
		free(memory); \
	} while (0)

static void good(void)
{
	struct state_view view, again;
	size_t size;
	void *memory = sample_state(&view, &size);

	CHECK(!state_check(memory, size, &again));
	CHECK_EQ(again.header->generation, 7);
	CHECK_EQ(again.attachments[1].id, 5);
	CHECK_EQ(again.progress[1]->position, 3200);
	walk_state(&again);
	/* The other copy of the progress may be half written. */
	view.progress[0]->sequence = 99;
	CHECK(!state_check(memory, size, &again));
	free(memory);
}

/* A copy of its exact size each time: nothing behind may be read. */
static void truncated(void)
{
	struct state_view view, again;
	size_t size;
	uint8_t *memory = sample_state(&view, &size);

	for (size_t n = 0; n < size; n += n < 4096 ? 1 : 997) {
		uint8_t *copy = memcpy(malloc(n ? n : 1), memory, n);

		CHECK(state_check(copy, n, &again));
		free(copy);
	}
	free(memory);
}

/* Whatever byte is changed of what counts, the checksums tell. */
static void damaged(void)
{
	struct state_view view, again;
	size_t size;
	uint8_t *memory = sample_state(&view, &size);
	size_t tables = (uint8_t *)view.live - memory;
	size_t first = (uint8_t *)view.progress[1] - memory;

	for (size_t i = 0; i < (size_t)((uint8_t *)view.journal - memory); i++) {
		if (i >= tables && i < first)
			continue;
		memory[i] ^= 0x40;
		CHECK(state_check(memory, size, &again));
		memory[i] ^= 0x40;
	}
	CHECK(!state_check(memory, size, &again));
	free(memory);
}

static void out_of_range(void)
{
	REFUSED(header->version, STATE_VERSION + 1);
	REFUSED(header->tracer_abi, LBRD_TRACER_ABI + 1);
	REFUSED(live->last_tracer, 4);
	REFUSED(live->last_attachment, 4);
	REFUSED(tracers[1].number, 4);
	REFUSED(tracers[0].program_id, 0);
	REFUSED(tracers[0].without_branches, 2);
	REFUSED(tracers[0].without_branches, 1); /* but its users want branches */
	REFUSED(tracers[0].target.kind, TARGET_FUNCTION + 1);
	REFUSED(tracers[0].target.mode, TRACE_ENTRY + 1);
	REFUSED(tracers[0].target.program_id, 0);
	REFUSED(tracers[0].target.return_kind, RETURN_POINTER + 1);
	REFUSED(tracers[0].target.return_bytes, 9);
	REFUSED(tracers[0].target.end, 0);
	REFUSED(attachments[0].id, 0);
	REFUSED(attachments[1].id, 3);
	REFUSED(attachments[0].n_uses, 0);
	REFUSED(attachments[0].n_uses, 1);
	REFUSED(attachments[0].n_uses, 3);
	REFUSED(attachments[1].n_uses, UINT32_MAX);
	REFUSED(attachments[0].without_branches, 1);
	REFUSED(uses[0], 2);
	REFUSED(uses[0], 1); /* twice the same */
	REFUSED(live->current, 2);
	REFUSED(live->attempts, STATE_ATTEMPTS);
	REFUSED(live->n_published, 3);
	REFUSED(live->n_published, 7);
	REFUSED(live->n_published, UINT64_MAX);
	REFUSED(progress[1]->position, 3201);
	REFUSED(progress[1]->position, 3208);
	REFUSED(progress[1]->counted_until, 3192);
	REFUSED(progress[1]->sequence, UINT64_MAX);
	REFUSED(progress[1]->sequence, 3);
	REFUSED(progress[1]->sequence, 5);
	REFUSED(progress[1]->n_published, 5);
	REFUSED(progress[1]->n_published, 7);
	REFUSED(progress[1]->lbr_mode, 3);
	REFUSED(progress[1]->lbr_types, 2);
	REFUSED(journal[5].sequence, 4);
	REFUSED(journal[5].position, 2400);
}

static void text_without_end(void)
{
	struct state_view view;
	size_t size;
	void *memory = sample_state(&view, &size);
	struct state_target *target = &view.tracers[1].target;
	char *texts[] = {target->program, target->function, target->module, target->tag};
	size_t sizes[] = {sizeof(target->program), sizeof(target->function),
			sizeof(target->module), sizeof(target->tag)};

	for (int i = 0; i < 4; i++) {
		memset(texts[i], 'x', sizes[i]);
		CHECK(check_again(&view, size));
		memset(texts[i], 0, sizes[i]);
		CHECK(!check_again(&view, size));
	}
	memset(target->tag, 'x', sizeof(((struct target *)0)->tag));
	CHECK(check_again(&view, size));
	free(memory);
}

/* The journal is a ring: what counts are its latest entries. */
static void long_journal(void)
{
	struct state_view view, again;
	size_t size;
	void *memory = sample_state(&view, &size);
	uint64_t n = 3 * STATE_JOURNAL + 5;

	for (uint64_t i = n - STATE_JOURNAL; i < n; i++)
		*state_journal_at(&view, i) = (struct state_published){
			.sequence = i + 1, .position = 800 * i, .attachment = 3};
	view.live->n_published = n;
	view.progress[1]->sequence = n - 2;
	view.progress[1]->position = 800 * (n - 2);
	view.progress[1]->counted_until = 800 * (n - 2);
	view.progress[1]->n_published = n - 2;
	CHECK(!check_again(&view, size));
	CHECK(!state_check(memory, size, &again));
	CHECK_EQ(state_journal_at(&again, n - 1)->sequence, n);
	view.progress[1]->n_published = n - STATE_JOURNAL - 1;
	view.progress[1]->sequence = n - STATE_JOURNAL - 1;
	CHECK(check_again(&view, size));
	free(memory);
}

int main(void)
{
	good();
	truncated();
	damaged();
	out_of_range();
	text_without_end();
	long_journal();
	return 0;
}
