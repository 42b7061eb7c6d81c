/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of users, and that sums hold whatever is taken and given back. */
#include <stdlib.h>

#include "daemon/wire/account.h"
#include "tests/unit/check.h"

enum {
	THINGS,
	BYTES,
};

static struct accounts *make_accounts(void)
{
	const struct account_config config = {
		.resources = {
			[THINGS] = {"things", "things", 1024},
			[BYTES] = {"bytes", "bytes", 1 << 20},
		},
		.user_percent = 50,
		.root_percent = 75,
	};
	struct accounts *accounts;

	CHECK_EQ(accounts_new(&config, &accounts), 0);
	return accounts;
}

static struct account *get(struct accounts *accounts, uid_t uid)
{
	struct account *account;

	CHECK_EQ(accounts_get(accounts, uid, &account), 0);
	return account;
}

/* As many charges of one as the account may have. */
static size_t take_all(struct account *account, struct charge *charges, size_t max)
{
	size_t n = 0;

	while (n < max && charge_take(&charges[n], account, THINGS, 1))
		n++;
	CHECK(!charges[n].account);
	return n;
}

static void test_one_user_gets_half(void)
{
	struct accounts *accounts = make_accounts();
	struct account *account = get(accounts, 1000);
	struct charge charges[600] = {};
	size_t n = take_all(account, charges, 600);

	CHECK_EQ(n, 512);
	CHECK_EQ(account_used(account, THINGS), 512);
	CHECK_EQ(account_used(account, BYTES), 0);
	CHECK(!account_has_room(account, THINGS));
	/* What is given back may be taken again: exactly that. */
	charge_release(&charges[0]);
	charge_release(&charges[0]);
	CHECK(charge_take(&charges[0], account, THINGS, 1));
	CHECK(!charge_take(&charges[n], account, THINGS, 1));
	for (size_t i = 0; i < n; i++)
		charge_release(&charges[i]);
	CHECK_EQ(account_used(account, THINGS), 0);
	account_unref(account);
	accounts_unref(accounts);
}

static void test_whoever_comes_finds_something(void)
{
	static const size_t expected[] = {512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1};
	static struct charge charges[11][600];
	struct accounts *accounts = make_accounts();
	struct account *users[11];

	for (uid_t i = 0; i < 11; i++) {
		users[i] = get(accounts, 1000 + i);
		CHECK_EQ(take_all(users[i], charges[i], 600), expected[i]);
	}
	/* The first one gives half of his back: the others may have more at once. */
	for (size_t i = 0; i < 256; i++)
		charge_release(&charges[0][i]);
	CHECK_EQ(account_allowance(users[1], THINGS), 256);
	CHECK_EQ(account_allowance(users[10], THINGS), 129);
	for (uid_t i = 0; i < 11; i++) {
		for (size_t k = 0; k < 600; k++)
			charge_release(&charges[i][k]);
		account_unref(users[i]);
	}
	accounts_unref(accounts);
}

static void test_root_gets_more_but_not_all(void)
{
	static struct charge charges[800];
	struct accounts *accounts = make_accounts();
	struct account *root = get(accounts, 0), *user = get(accounts, 1000);

	CHECK_EQ(take_all(root, charges, 799), 768);
	CHECK_EQ(account_allowance(user, THINGS), 128);
	for (size_t i = 0; i < 768; i++)
		charge_release(&charges[i]);
	account_unref(root);
	account_unref(user);
	accounts_unref(accounts);
}

static void test_bytes_that_come_and_go(void)
{
	struct accounts *accounts = make_accounts();
	struct account *account = get(accounts, 1000);
	struct charge a = {}, b = {};

	CHECK(charge_take(&a, account, BYTES, 0));
	CHECK(charge_take(&b, account, BYTES, 1000));
	CHECK(charge_resize(&a, (1 << 19) - 1000));
	CHECK(!charge_resize(&a, (1 << 19) - 999));
	CHECK_EQ(a.amount, (1 << 19) - 1000);
	/* What cannot be refused exceeds; then less is fine, more is not. */
	charge_force(&b, 5000);
	CHECK_EQ(account_used(account, BYTES), (1 << 19) + 4000);
	CHECK(charge_resize(&a, a.amount - 1));
	CHECK(!charge_resize(&a, a.amount + 1));
	charge_move(&b, THINGS);
	CHECK_EQ(account_used(account, BYTES), (1 << 19) - 1001);
	CHECK_EQ(account_used(account, THINGS), 5000);
	/* More than there is: nobody else gets any, and nothing underflows. */
	CHECK_EQ(account_allowance(account, THINGS), 512);
	charge_release(&a);
	charge_release(&b);
	CHECK_EQ(account_used(account, BYTES), 0);
	CHECK_EQ(account_used(account, THINGS), 0);
	account_unref(account);
	accounts_unref(accounts);
}

static void test_too_much_of_another(void)
{
	struct accounts *accounts = make_accounts();
	struct account *greedy = get(accounts, 1000), *user = get(accounts, 1001);
	struct charge a = {}, b = {};

	CHECK(charge_take(&a, greedy, THINGS, 1));
	charge_force(&a, 2000);
	CHECK_EQ(account_allowance(user, THINGS), 0);
	CHECK(!charge_take(&b, user, THINGS, 1));
	charge_release(&a);
	CHECK(charge_take(&b, user, THINGS, 1));
	charge_release(&b);
	account_unref(greedy);
	account_unref(user);
	accounts_unref(accounts);
}

/* An account lives as long as what is charged to it, and the table as long as an account. */
static void test_lives(void)
{
	struct accounts *accounts = make_accounts();
	struct account *account = get(accounts, 1000), *same = get(accounts, 1000);
	struct charge charge;

	CHECK(account == same);
	CHECK(charge_take(&charge, account, THINGS, 3));
	account_unref(account);
	account_unref(same);
	account = get(accounts, 1000);
	CHECK_EQ(account_used(account, THINGS), 3);
	account_unref(account);
	accounts_unref(accounts);
	charge_release(&charge);
}

static void test_refusal(void)
{
	struct accounts *accounts = make_accounts();
	struct account *account = get(accounts, 1000);
	struct json_object *refusal = account_refusal(account, THINGS);

	CHECK(!strcmp(json_object_get_string(json_object_object_get(refusal, "name")), "things"));
	CHECK_EQ(json_object_get_int64(json_object_object_get(refusal, "value")), 512);
	CHECK(strstr(json_object_get_string(json_object_object_get(refusal, "hint")),
		     "User 1000 may have 512 of the 1024 things now, 50 %"));
	json_object_put(refusal);
	account_unref(account);
	accounts_unref(accounts);
}

/* Anything in any order: the sums hold at every step. */
static void test_random(void)
{
	static struct charge charges[100];
	struct accounts *accounts = make_accounts();
	struct account *users[5];

	for (uid_t i = 0; i < 5; i++)
		users[i] = get(accounts, i);
	srandom(1);
	for (int i = 0; i < 100000; i++) {
		struct charge *charge = &charges[random() % 100];
		uint64_t sum = 0, all = 0;

		if (!charge->account)
			charge_take(charge, users[random() % 5], random() % 2, random() % 100);
		else if (random() % 2)
			charge_release(charge);
		else
			charge_resize(charge, random() % 100);
		for (int k = 0; k < 100; k++)
			sum += charges[k].amount;
		for (int k = 0; k < 5; k++)
			all += account_used(users[k], THINGS) + account_used(users[k], BYTES);
		CHECK_EQ(sum, all);
	}
	for (int k = 0; k < 100; k++)
		charge_release(&charges[k]);
	for (int k = 0; k < 5; k++) {
		CHECK_EQ(account_used(users[k], THINGS) + account_used(users[k], BYTES), 0);
		account_unref(users[k]);
	}
	accounts_unref(accounts);
}

int main(void)
{
	test_one_user_gets_half();
	test_whoever_comes_finds_something();
	test_root_gets_more_but_not_all();
	test_bytes_that_come_and_go();
	test_too_much_of_another();
	test_lives();
	test_refusal();
	test_random();
	return 0;
}
