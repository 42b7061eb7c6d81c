/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state is copied before it is checked, and only the copy is used. Rule: whatever is wrong with
 * what was left, lbrd starts.
 */
#include "daemon/api/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "daemon/api/state-table.h"
#include "daemon/api/state.h"
#include "daemon/trace/trace.h"

/* More than any state with all limits reached. */
#define STATE_BYTES_MAX (256u << 20)

struct takeover {
	const struct kept_fd *fds;
	size_t n_fds;
	void *memory; /* the copy of the state */
	struct state_view view;
	struct legacy *tracers;
	struct heritage heritage;
};

void takeover_free(struct takeover *takeover)
{
	if (!takeover)
		return;
	free(takeover->tracers);
	free(takeover->memory);
	free(takeover);
}

DEFINE_CLEANUP(struct takeover *, takeover_free)

/* The generation of the state that is kept under this name; 0: it is no state. */
static uint64_t generation_of(const char *name)
{
	uint64_t generation;
	char end;

	return sscanf(name, STATE_NAME "%" SCNu64 "%c", &generation, &end) == 1 ? generation : 0;
}

/* lbrd may have ended while two states were kept. */
static const struct kept_fd *find_latest(const struct takeover *takeover)
{
	const struct kept_fd *latest = NULL;

	for (size_t i = 0; i < takeover->n_fds; i++) {
		uint64_t generation = generation_of(takeover->fds[i].name);

		if (generation && (!latest || generation > generation_of(latest->name)))
			latest = &takeover->fds[i];
	}
	return latest;
}

static int find_fd(const struct takeover *takeover, const char *name)
{
	for (size_t i = 0; i < takeover->n_fds; i++)
		if (strcmp(takeover->fds[i].name, name) == 0)
			return takeover->fds[i].fd;
	return -1;
}

/* Allocates `*ret`, which is NULL when there is nothing sensible to read. */
static int read_all(int fd, void **ret, size_t *ret_size)
{
	_cleanup_free_ void *memory = NULL;
	struct stat st;

	*ret = NULL;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > STATE_BYTES_MAX)
		return 0;
	memory = malloc(st.st_size);
	if (!memory)
		return -ENOMEM;
	if (pread(fd, memory, st.st_size, 0) != st.st_size)
		return 0;
	*ret = TAKE_PTR(memory);
	*ret_size = st.st_size;
	return 0;
}

/* Should lbrd end before it has come any further, the next one knows that this one tried. */
static void count_attempt(struct takeover *takeover, int fd)
{
	struct state_live *live = takeover->view.live;
	uint8_t *at = (void *)&live->attempts;

	live->attempts++;
	if (pwrite(fd, at, sizeof(live->attempts), at - (uint8_t *)takeover->memory) < 0)
		return; /* then it will try once more */
}

static int collect_tracers(struct takeover *takeover, const char **reterr_reason)
{
	const struct state_header *header = takeover->view.header;
	const struct state_live *live = takeover->view.live;

	takeover->tracers = calloc(header->n_tracers + 1, sizeof(*takeover->tracers));
	if (!takeover->tracers)
		return -ENOMEM;
	for (uint32_t i = 0; i < header->n_tracers; i++) {
		const struct state_tracer *saved = &takeover->view.tracers[i];
		struct legacy *legacy = &takeover->tracers[i];
		char name[KEPT_NAME_MAX];

		tracer_kept_name(saved->number, name);
		*legacy = (struct legacy){
			.number = saved->number,
			.program_id = saved->program_id,
			.without_branches = saved->without_branches,
			.link_fd = find_fd(takeover, name),
		};
		state_target_read(&saved->target, &legacy->target);
		if (legacy->link_fd < 0)
			*reterr_reason = "one of its tracers was not kept";
	}
	takeover->heritage = (struct heritage){
		.tracers = takeover->tracers,
		.n_tracers = header->n_tracers,
		.last_number = live->last_tracer,
		.position = takeover->view.progress[live->current]->position,
	};
	return 0;
}

int takeover_new(const struct kept_fd *fds, size_t n, struct takeover **ret,
		const char **reterr_reason)
{
	_cleanup_(takeover_free_p) struct takeover *takeover = calloc(1, sizeof(*takeover));
	const struct kept_fd *latest;
	size_t size = 0;
	int r;

	*ret = NULL;
	*reterr_reason = NULL;
	if (!takeover)
		return -ENOMEM;
	takeover->fds = fds;
	takeover->n_fds = n;
	latest = find_latest(takeover);
	if (!latest) {
		*reterr_reason = n ? "no state was kept with it" : NULL;
		return 0;
	}
	r = read_all(latest->fd, &takeover->memory, &size);
	if (r < 0)
		return r;
	*reterr_reason = takeover->memory ? state_check(takeover->memory, size, &takeover->view) :
			"it cannot be read";
	if (*reterr_reason)
		return 0;
	count_attempt(takeover, latest->fd);
	r = collect_tracers(takeover, reterr_reason);
	if (r == 0 && !*reterr_reason)
		*ret = TAKE_PTR(takeover);
	return r;
}

const struct heritage *takeover_heritage(const struct takeover *takeover)
{
	return takeover->heritage.n_tracers ? &takeover->heritage : NULL;
}

const struct state_view *takeover_state(const struct takeover *takeover)
{
	return &takeover->view;
}

size_t takeover_n_attachments(const struct takeover *takeover)
{
	return takeover->view.header->n_attachments;
}

size_t takeover_n_observers(const struct takeover *takeover)
{
	return takeover->view.live->n_observers;
}

static bool needs_branch_records(const struct takeover *takeover)
{
	for (uint32_t i = 0; i < takeover->view.header->n_attachments; i++)
		if (!takeover->view.attachments[i].without_branches)
			return true;
	return false;
}

void takeover_branch_events(const struct takeover *takeover, struct lbr *lbr)
{
	const struct state_progress *progress =
			takeover->view.progress[takeover->view.live->current];
	const struct lbr_kind kind = {progress->lbr_mode, progress->lbr_types};

	if (!needs_branch_records(takeover) || kind.mode == LBR_CLOSED)
		return;
	for (size_t i = 0; i < takeover->n_fds; i++) {
		unsigned int cpu;
		int fd;

		if (!lbr_kept_cpu(takeover->fds[i].name, &cpu))
			continue;
		fd = fcntl(takeover->fds[i].fd, F_DUPFD_CLOEXEC, 0);
		if (fd >= 0)
			lbr_adopt(lbr, &kind, cpu, fd);
	}
}

bool takeover_needs(const struct takeover *takeover, const char *name)
{
	unsigned int cpu;
	char own[KEPT_NAME_MAX];

	if (lbr_kept_cpu(name, &cpu))
		return needs_branch_records(takeover);
	for (uint32_t i = 0; i < takeover->view.header->n_tracers; i++) {
		tracer_kept_name(takeover->view.tracers[i].number, own);
		if (strcmp(name, own) == 0)
			return true;
	}
	return false;
}
