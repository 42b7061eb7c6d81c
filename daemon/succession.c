/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where an lbrd decides whether it goes on or begins anew. Rule: it goes on with all
 * or with nothing, it says so, and what it does not go on with is closed.
 */
#include "daemon/succession.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/store.h"

struct succession {
	struct store *store;
	struct takeover *takeover; /* NULL: there is nothing to go on with */
};

static void refuse(struct succession *succession, const char *reason)
{
	log_takeover_refused(reason);
	takeover_free(succession->takeover);
	succession->takeover = NULL;
}

/* What was stored when there is no store any more could not be kept on. */
static int look_through(struct succession *succession)
{
	const char *reason = NULL;
	const struct kept_fd *fds;
	size_t n;
	int r;

	fds = store_inherited(succession->store, &n);
	if (n && !store_keeper(succession->store)) {
		log_takeover_refused("the service manager keeps no descriptors any more");
		return 0;
	}
	r = takeover_new(fds, n, &succession->takeover, &reason);
	if (reason)
		log_takeover_refused(reason);
	return r;
}

int succession_new(struct succession **ret)
{
	struct succession *succession = calloc(1, sizeof(*succession));
	int r;

	if (!succession)
		return -ENOMEM;
	r = store_new(&succession->store);
	if (r == 0)
		r = look_through(succession);
	if (r < 0) {
		succession_free(succession);
		return r;
	}
	*ret = succession;
	return 0;
}

void succession_free(struct succession *succession)
{
	if (!succession)
		return;
	takeover_free(succession->takeover);
	store_free(succession->store);
	free(succession);
}

const int *succession_sockets(const struct succession *succession, size_t *ret_n)
{
	return store_sockets(succession->store, ret_n);
}

const struct keeper *succession_keeper(const struct succession *succession)
{
	return store_keeper(succession->store);
}

int succession_make_trace(struct succession *succession, struct trace_config *config,
		struct trace **ret)
{
	int r;

	config->keeper = succession_keeper(succession);
	config->heritage = succession->takeover ? takeover_heritage(succession->takeover) : NULL;
	r = trace_new(config, ret);
	if (r < 0 && config->heritage) {
		refuse(succession, r == -EBADMSG ?
				"its tracers are not what the state says" : strerror(-r));
		config->heritage = NULL;
		r = trace_new(config, ret);
	}
	return r;
}

int succession_make_lbr(struct succession *succession, struct lbr **ret)
{
	int r = lbr_new(succession_keeper(succession), ret);

	if (r == 0 && succession->takeover)
		takeover_branch_events(succession->takeover, *ret);
	return r;
}

int succession_make_state(struct succession *succession, struct state_config *config,
		struct state **ret)
{
	config->keeper = succession_keeper(succession);
	config->previous = succession->takeover ? takeover_state(succession->takeover) : NULL;
	return state_new(config, ret);
}

static bool is_needed(const char *name, void *userdata)
{
	const struct succession *succession = userdata;

	return succession->takeover && takeover_needs(succession->takeover, name);
}

size_t succession_finish(struct succession *succession, struct state *state,
		struct attachments *attachments)
{
	const struct takeover *takeover = succession->takeover;
	size_t n_observers = 0;
	const char *reason = NULL;
	int r;

	if (takeover) {
		reason = attachments_restore(attachments, takeover_state(takeover));
		n_observers = reason ? 0 : takeover_n_observers(takeover);
	}
	/* This one no longer needs the memory of the earlier one's state. */
	r = state_save(state, attachments);
	if (r < 0)
		log_not_kept(0, r);
	if (reason)
		refuse(succession, reason);
	else if (takeover && takeover_n_attachments(takeover))
		log_taken_over(takeover_n_attachments(takeover));
	store_sweep(succession->store, is_needed, succession);
	takeover_free(succession->takeover);
	succession->takeover = NULL;
	return n_observers;
}

void succession_hand_over(struct succession *succession)
{
	store_seal(succession->store);
}
