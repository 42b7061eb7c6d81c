/* SPDX-License-Identifier: Apache-2.0 */
/* How many events a stream showed and lost: its last line. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/losses.h"

struct account {
	uint64_t shown;
	struct losses lost; /* as reported in the stream */
	uint64_t unaccounted; /* lbrd knows of them, but they were neither shown nor reported */
};

/*
 * Compares the account with `ended`, an Ended of an attachment that was observed from its begin to
 * its end. True: more was lost than the stream told, *ret_late, which is yet to be added.
 */
bool account_balance(struct account *account, struct json_object *ended, struct lost *ret_late);

/* Adds what another stream, or an earlier part of this one, showed and lost. */
void account_add(struct account *account, const struct account *more);

/* "12 events shown, 0 lost", on standard error. */
void account_tell(const struct account *account);
