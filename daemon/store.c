/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd keeps descriptors for a service that may start again (sd_pid_notify_with_fds(3),
 * FDSTORE=1): over restarts, crashes included, but not over a stop. It tells a service that there
 * is a store by $FDSTORE since version 254; the unit sets that variable for the versions before.
 *
 * Rule: FDPOLL=0 with everything. A perf event without a buffer polls as hung up, which systemd
 * takes for a reason to drop it.
 */
#include "daemon/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"

/* The manager closes at once what it is told to; this is only not to hang with it. */
#define SETTLE_US 2000000
#define PREFIX "lbrd-"

/* One that the manager holds, or was asked to hold, for this lbrd. */
struct stored {
	LIST_ENTRY(stored) entries;
	char name[KEPT_NAME_MAX];
};

struct store {
	struct keeper keeper;
	size_t max; /* 0: there is no store */
	size_t n;
	bool sealed;
	bool unsettled; /* the manager has been told to close something */
	LIST_HEAD(, stored) stored;
	struct kept_fd *inherited;
	size_t n_inherited;
	int *sockets;
	size_t n_sockets;
};

static struct stored *find(struct store *store, const char *name)
{
	struct stored *stored;

	LIST_FOREACH(stored, &store->stored, entries)
		if (strcmp(stored->name, name) == 0)
			return stored;
	return NULL;
}

static int tell_to_store(const char *name, int fd)
{
	char text[128];
	int r;

	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	r = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	return r == 0 ? -ENOTCONN : r < 0 ? r : 0;
}

static void tell_to_close(struct store *store, const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	store->unsettled = true;
}

static int keep(const char *name, int fd, void *userdata)
{
	struct store *store = userdata;
	struct stored *stored;
	int r;

	if (store->sealed || find(store, name))
		return 0;
	if (store->n >= store->max)
		return -ENOSPC;
	stored = calloc(1, sizeof(*stored));
	if (!stored)
		return -ENOMEM;
	r = tell_to_store(name, fd);
	if (r < 0) {
		free(stored);
		return r;
	}
	snprintf(stored->name, sizeof(stored->name), "%s", name);
	LIST_INSERT_HEAD(&store->stored, stored, entries);
	store->n++;
	return 0;
}

static void forget(const char *name, void *userdata)
{
	struct store *store = userdata;
	struct stored *stored = find(store, name);

	if (store->sealed || !stored)
		return;
	tell_to_close(store, name);
	LIST_REMOVE(stored, entries);
	store->n--;
	free(stored);
}

static void settle(void *userdata)
{
	struct store *store = userdata;

	if (store->unsettled)
		sd_notify_barrier(0, SETTLE_US);
	store->unsettled = false;
}

static size_t store_size(void)
{
	const char *size = getenv("FDSTORE");

	return size && getenv("NOTIFY_SOCKET") ? strtoul(size, NULL, 10) : 0;
}

/* Sorts what lbrd was started with. The names are not there when it was not systemd. */
static int take_in(struct store *store)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	if (n < 0)
		return n;
	store->inherited = calloc(n + 1, sizeof(*store->inherited));
	store->sockets = calloc(n + 1, sizeof(*store->sockets));
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (!store->inherited || !store->sockets) {
			free(names[i]);
		} else if (strncmp(names[i], PREFIX, strlen(PREFIX)) == 0) {
			store->inherited[store->n_inherited++] = (struct kept_fd){names[i], fd};
		} else {
			store->sockets[store->n_sockets++] = fd;
			free(names[i]);
		}
	}
	free(names);
	return store->inherited && store->sockets ? 0 : -ENOMEM;
}

int store_new(struct store **ret)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->keeper = (struct keeper){keep, forget, settle, store};
	store->max = store_size();
	LIST_INIT(&store->stored);
	r = take_in(store);
	if (r < 0) {
		store_free(store);
		return r;
	}
	*ret = store;
	return 0;
}

static void close_inherited(struct store *store)
{
	for (size_t i = 0; i < store->n_inherited; i++) {
		close_fd(store->inherited[i].fd);
		free((char *)store->inherited[i].name);
	}
	store->n_inherited = 0;
}

void store_free(struct store *store)
{
	struct stored *stored;

	if (!store)
		return;
	close_inherited(store);
	while ((stored = LIST_FIRST(&store->stored))) {
		LIST_REMOVE(stored, entries);
		free(stored);
	}
	free(store->inherited);
	free(store->sockets);
	free(store);
}

const int *store_sockets(const struct store *store, size_t *ret_n)
{
	*ret_n = store->n_sockets;
	return store->sockets;
}

const struct kept_fd *store_inherited(const struct store *store, size_t *ret_n)
{
	*ret_n = store->n_inherited;
	return store->inherited;
}

void store_sweep(struct store *store,
		bool (*is_needed)(const char *name, void *userdata), void *userdata)
{
	for (size_t i = 0; i < store->n_inherited; i++)
		if (!is_needed(store->inherited[i].name, userdata))
			tell_to_close(store, store->inherited[i].name);
	close_inherited(store);
	settle(store);
}

const struct keeper *store_keeper(const struct store *store)
{
	return store->max ? &store->keeper : NULL;
}

void store_seal(struct store *store)
{
	store->sealed = true;
}
