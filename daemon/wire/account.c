/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule that must not break: what all users have is the sum of what each has, and that is the
 * sum of its charges.
 */
#include "daemon/wire/account.h"
#include "proto/json-tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

struct accounts {
	unsigned int n_refs;
	struct account_config config;
	LIST_HEAD(, account) list;
	uint64_t used[MAX_RESOURCES]; /* by all users */
};

struct account {
	unsigned int n_refs;
	LIST_ENTRY(account) link;
	struct accounts *accounts;
	uid_t uid;
	uint64_t used[MAX_RESOURCES];
};

int accounts_new(const struct account_config *config, struct accounts **ret)
{
	struct accounts *accounts = calloc(1, sizeof(*accounts));

	if (!accounts)
		return -ENOMEM;
	accounts->n_refs = 1;
	accounts->config = *config;
	LIST_INIT(&accounts->list);
	*ret = accounts;
	return 0;
}

struct accounts *accounts_unref(struct accounts *accounts)
{
	if (accounts && --accounts->n_refs == 0)
		free(accounts);
	return NULL;
}

int accounts_get(struct accounts *accounts, uid_t uid, struct account **ret)
{
	struct account *account;

	LIST_FOREACH(account, &accounts->list, link)
		if (account->uid == uid) {
			*ret = account_ref(account);
			return 0;
		}
	account = calloc(1, sizeof(*account));
	if (!account)
		return -ENOMEM;
	account->n_refs = 1;
	account->uid = uid;
	account->accounts = accounts;
	accounts->n_refs++;
	LIST_INSERT_HEAD(&accounts->list, account, link);
	*ret = account;
	return 0;
}

struct account *account_ref(struct account *account)
{
	account->n_refs++;
	return account;
}

struct account *account_unref(struct account *account)
{
	if (account && --account->n_refs == 0) {
		LIST_REMOVE(account, link);
		accounts_unref(account->accounts);
		free(account);
	}
	return NULL;
}

uint64_t account_used(const struct account *account, unsigned int resource)
{
	return account->used[resource];
}

uint64_t account_used_by_all(const struct account *account, unsigned int resource)
{
	return account->accounts->used[resource];
}

static unsigned int percent_of(const struct account *account)
{
	const struct account_config *config = &account->accounts->config;

	return account->uid == 0 ? config->root_percent : config->user_percent;
}

uint64_t account_allowance(const struct account *account, unsigned int resource)
{
	const struct accounts *accounts = account->accounts;
	uint64_t total = accounts->config.resources[resource].total;
	uint64_t others = accounts->used[resource] - account->used[resource];

	if (others >= total)
		return 0;
	/* Rounded up: of the last one that is left somebody may have it. */
	return ((total - others) * percent_of(account) + 99) / 100;
}

struct json_object *limit_refusal(const char *name, uint64_t value, const char *hint)
{
	struct json_object *refusal = json_object_new_object();

	json_tree_add(refusal, "name", json_object_new_string(name));
	json_tree_add(refusal, "value", json_object_new_int64(value));
	json_tree_add(refusal, "hint", json_object_new_string(hint));
	return refusal;
}

struct json_object *account_refusal(const struct account *account, unsigned int resource)
{
	const struct resource *r = &account->accounts->config.resources[resource];
	uint64_t allowance = account_allowance(account, resource);
	char hint[256];

	snprintf(hint, sizeof(hint),
		 "User %u may have %" PRIu64 " of the %" PRIu64 " %s now, %u %% of what other users "
		 "leave. Give some back, or try again later.",
		 account->uid, allowance, r->total, r->unit, percent_of(account));
	return limit_refusal(r->name, allowance, hint);
}

bool charge_take(struct charge *charge, struct account *account, unsigned int resource,
		uint64_t amount)
{
	*charge = (struct charge){.account = account_ref(account), .resource = resource};
	if (charge_resize(charge, amount))
		return true;
	charge_release(charge);
	return false;
}

bool charge_resize(struct charge *charge, uint64_t amount)
{
	const struct account *account = charge->account;

	if (amount > charge->amount &&
	    account_used(account, charge->resource) - charge->amount + amount >
		    account_allowance(account, charge->resource))
		return false;
	charge_force(charge, amount);
	return true;
}

void charge_force(struct charge *charge, uint64_t amount)
{
	uint64_t change = amount - charge->amount; /* modulo 2^64: it may be negative */

	charge->amount = amount;
	charge->account->used[charge->resource] += change;
	charge->account->accounts->used[charge->resource] += change;
}

void charge_move(struct charge *charge, unsigned int resource)
{
	uint64_t amount = charge->amount;

	charge_force(charge, 0);
	charge->resource = resource;
	charge_force(charge, amount);
}

void charge_release(struct charge *charge)
{
	if (!charge->account)
		return;
	charge_force(charge, 0);
	charge->account = account_unref(charge->account);
}
