/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that must not break: what is missing is never silent, not even when lbrd miscounts. */
#include "client/account.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/context.h"
#include "client/fields.h"

bool account_balance(struct account *account, struct json_object *ended, struct lost *ret_late)
{
	uint64_t events = (uint64_t)get_int(ended, "events"), known;
	struct lost late = { 0 };
	struct losses all;

	get_losses(get_object(ended, "losses"), &all);
	for (int i = 0; i < LOSS_COUNT; i++) {
		if (all.count[i] > account->lost.count[i])
			late.losses.count[i] = all.count[i] - account->lost.count[i];
	}
	late.count = losses_sum(&late.losses);
	known = account->shown + losses_sum(&account->lost) + late.count;
	account->unaccounted = events > known ? events - known : 0;
	*ret_late = late;
	return late.count;
}

void account_add(struct account *account, const struct account *more)
{
	account->shown += more->shown;
	losses_add(&account->lost, &more->lost);
	account->unaccounted += more->unaccounted;
}

void account_tell(const struct account *account)
{
	uint64_t lost = losses_sum(&account->lost);
	char causes[256], rest[80] = "";

	losses_format(&account->lost, causes, sizeof(causes));
	if (account->unaccounted)
		snprintf(rest, sizeof(rest), ", %" PRIu64 " unaccounted for",
			 account->unaccounted);
	tell("%" PRIu64 " event%s shown, %" PRIu64 " lost%s%s%s%s", account->shown,
	     account->shown == 1 ? "" : "s", lost, lost ? " (" : "", causes, lost ? ")" : "", rest);
}
