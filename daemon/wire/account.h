/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses how much of what there is: each user may have a part of what the others leave. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"

/* Resources are numbers: first those of the server, then its owner's. */
enum {
	RESOURCE_CONNECTIONS,
	RESOURCE_CALL_BYTES, /* of calls that have not come whole yet */
	RESOURCE_REPLY_BYTES, /* of replies that wait to be read */
	RESOURCE_STREAM_BYTES, /* the same of open streams */
	N_SERVER_RESOURCES,
};
#define MAX_RESOURCES 8

struct resource {
	const char *name; /* for LimitReached */
	const char *unit; /* "connections" */
	uint64_t total; /* of all users */
};

/*
 * As the parts are of what the others leave, whoever comes finds something, however much those
 * have who were there before: with a half for each, one user may take 512 of 1024, a second one
 * then 256, a third one 128.
 */
struct account_config {
	struct resource resources[MAX_RESOURCES]; /* by number; names and units are not copied */
	unsigned int user_percent, root_percent; /* of what the others leave */
};

struct accounts;
struct account;

/* The accounts of all users. Lives until nobody holds it or an account of it. -ENOMEM. */
int accounts_new(const struct account_config *config, struct accounts **ret);
/* NULL is fine. */
struct accounts *accounts_unref(struct accounts *accounts);

/* The account of a user, made when it is the first time; with a reference. -ENOMEM. */
int accounts_get(struct accounts *accounts, uid_t uid, struct account **ret);
struct account *account_ref(struct account *account);
/* NULL is fine. */
struct account *account_unref(struct account *account);

DEFINE_CLEANUP(struct account *, account_unref)

uint64_t account_used(const struct account *account, unsigned int resource);
/* By all users. */
uint64_t account_used_by_all(const struct account *account, unsigned int resource);
/* What the user may have now, what it has included. */
uint64_t account_allowance(const struct account *account, unsigned int resource);
static inline bool account_has_room(const struct account *account, unsigned int resource)
{
	return account_used(account, resource) < account_allowance(account, resource);
}

/* The parameters of LimitReached. NULL: out of memory. */
struct json_object *limit_refusal(const char *name, uint64_t value, const char *hint);
/* The same for what this user may have. */
struct json_object *account_refusal(const struct account *account, unsigned int resource);

/*
 * What one thing costs, embedded in it: taken before it is made, released with it. Holds the
 * account. A zeroed charge is released.
 */
struct charge {
	struct account *account;
	unsigned int resource;
	uint64_t amount;
};

/* False: the user would have more than it may; nothing is charged then. */
bool charge_take(struct charge *charge, struct account *account, unsigned int resource,
		uint64_t amount);
/* False as charge_take(); the charge stays as it was. To charge less always succeeds. */
bool charge_resize(struct charge *charge, uint64_t amount);
/* The same for what cannot be refused any more: it may exceed what the user may have. */
void charge_force(struct charge *charge, uint64_t amount);
/* From now on it is counted as another resource, which may exceed what the user may have of it. */
void charge_move(struct charge *charge, unsigned int resource);
/* A released one is fine. */
void charge_release(struct charge *charge);
