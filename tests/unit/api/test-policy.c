/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: what a file allows to whom, and that one mistake makes none of it. */
#include <errno.h>

#include "common/cleanup.h"
#include "daemon/api/policy.h"
#include "tests/unit/check.h"

#define ALICE 1001
#define BOB 1002
#define LBRD 201
#define ADMIN 202
#define USERS 100 /* the primary group of both */

static int find(const char *name, const char *const *names, const id_t *ids, id_t *ret)
{
	for (; *names; names++, ids++)
		if (strcmp(name, *names) == 0) {
			*ret = *ids;
			return 0;
		}
	return -ENOENT;
}

static int find_user(const char *name, uid_t *ret)
{
	return find(name, (const char *const[]){"alice", "bob", NULL}, (id_t[]){ALICE, BOB}, ret);
}

static int find_group(const char *name, gid_t *ret)
{
	return find(name, (const char *const[]){"lbrd", "lbrd-admin", "users", NULL},
			(id_t[]){LBRD, ADMIN, USERS}, ret);
}

static int find_nobody(const char *name, id_t *ret)
{
	return -ENOENT;
}

static const struct policy_names names = {find_user, find_group};

static struct policy *good(const char *text)
{
	struct policy_error error;
	struct policy *policy;
	int r = policy_parse(text, strlen(text), &names, &policy, &error);

	if (r)
		fprintf(stderr, "line %u: %s\n", error.line, error.reason);
	CHECK_EQ(r, 0);
	return policy;
}

static bool may(const struct policy *policy, enum right right, uid_t uid, gid_t group)
{
	const gid_t groups[] = {4242, group};

	return policy_allows_ids(policy, right, uid, USERS, groups, 2);
}

static void test_who_may_what(void)
{
	struct policy *policy = good("# a comment\n"
			"allow observe group lbrd\n"
			"\n"
			"\tallow  attach\tuser alice # and why\n"
			"allow addresses everyone");

	CHECK(may(policy, RIGHT_OBSERVE, BOB, LBRD));
	CHECK(!may(policy, RIGHT_OBSERVE, BOB, ADMIN));
	CHECK(may(policy, RIGHT_ATTACH, ALICE, 0));
	CHECK(!may(policy, RIGHT_ATTACH, BOB, LBRD));
	CHECK(may(policy, RIGHT_ADDRESSES, BOB, 0));
	/* A user is no group, whatever their numbers. */
	CHECK(!may(policy, RIGHT_OBSERVE, LBRD, 0));
	CHECK(!may(policy, RIGHT_ATTACH, BOB, ALICE));
	for (int right = 0; right < N_RIGHTS; right++)
		CHECK(may(policy, right, 0, 0));
	policy_free(policy);

	/* The primary group counts as any other. */
	policy = good("allow observe group users\n");
	CHECK(may(policy, RIGHT_OBSERVE, BOB, LBRD));
	policy_free(policy);
}

static void test_nothing_allows_nothing(void)
{
	static const char *const texts[] = {"", "\n", "# allow observe everyone\n", "   \n\t\n"};

	for (size_t i = 0; i < 4; i++) {
		struct policy *policy = good(texts[i]);

		for (int right = 0; right < N_RIGHTS; right++) {
			CHECK(!may(policy, right, ALICE, LBRD));
			CHECK(may(policy, right, 0, LBRD));
		}
		policy_free(policy);
	}
	for (int right = 0; right < N_RIGHTS; right++) {
		CHECK(!may(NULL, right, ALICE, LBRD));
		CHECK(may(NULL, right, 0, LBRD));
	}
}

static void test_mistakes_are_named(void)
{
	static const struct {
		const char *line;
		const char *word; /* of the reason */
	} cases[] = {
		{"deny observe user bob", "allow"},
		{"allow", "too short"},
		{"allow observe", "too short"},
		{"allow all everyone", "\"all\""},
		{"allow observe users", "\"users\""},
		{"allow observe group", "one name"},
		{"allow observe group lbrd users", "one name"},
		{"allow observe everyone else", "everyone"},
		{"allow observe group nosuch", "\"nosuch\""},
		{"allow observe user lbrd", "user \"lbrd\""},
		{"allow observe group a b c d", "too many words"},
		{"allow observe\001 everyone", "not text"},
		{"allow observe user aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"longer than any name"},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_error error;
		struct policy *policy = NULL;

		snprintf(text, sizeof(text), "allow observe everyone\n#\n%s\nallow attach everyone\n",
				cases[i].line);
		CHECK_EQ(policy_parse(text, strlen(text), &names, &policy, &error), POLICY_E_BAD);
		CHECK_EQ(error.line, 3);
		if (!strstr(error.reason, cases[i].word))
			CHECK_STR(error.reason, cases[i].word);
		CHECK(!policy);
	}
}

static void test_large_files(void)
{
	static const char rule[] = "allow observe user bob\n";
	struct policy_error error;
	struct policy *policy;
	char *text = malloc(400 * sizeof(rule));
	size_t length = 0;

	for (int i = 0; i < 256; i++)
		length += sprintf(text + length, "%s", rule);
	CHECK_EQ(policy_parse(text, length, &names, &policy, &error), 0);
	policy_free(policy);
	length += sprintf(text + length, "%s", rule);
	CHECK_EQ(policy_parse(text, length, &names, &policy, &error), POLICY_E_BAD);
	CHECK_EQ(error.line, 257);
	memset(text, ' ', 1000);
	CHECK_EQ(policy_parse(text, 1000, &names, &policy, &error), POLICY_E_BAD);
	CHECK_EQ(policy_parse("allow observe everyone\0", 23, &names, &policy, &error), POLICY_E_BAD);
	free(text);
}

/* The installed example, the built-in policy and what lbrd(8) promises are one. */
static void test_default(const char *path)
{
	static const struct policy_names strangers = {find_nobody, find_nobody};
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct policy *example, *builtin;
	char text[8192];
	size_t length;

	CHECK(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	example = good(text);
	CHECK_EQ(policy_new_default(&names, &builtin), 0);
	for (int right = 0; right < N_RIGHTS; right++) {
		bool admins = right != RIGHT_ADDRESSES;

		CHECK_EQ(may(builtin, right, ALICE, ADMIN), admins);
		CHECK_EQ(may(builtin, right, ALICE, LBRD), right == RIGHT_OBSERVE);
		CHECK(!may(builtin, right, ALICE, 0));
		for (gid_t group = LBRD; group <= ADMIN; group++)
			CHECK_EQ(may(example, right, ALICE, group),
					may(builtin, right, ALICE, group));
	}
	policy_free(example);
	policy_free(builtin);

	/* Where the groups do not exist there is nobody but root. */
	CHECK_EQ(policy_new_default(&strangers, &builtin), 0);
	CHECK(!may(builtin, RIGHT_OBSERVE, ALICE, LBRD));
	policy_free(builtin);
}

static void test_denials(void)
{
	struct policy *policy = good("allow observe group lbrd\nallow observe group lbrd-admin\n");
	struct json_object *denial = policy_denial(policy, RIGHT_OBSERVE);
	const char *text = json_object_to_json_string(denial);

	CHECK(strstr(text, "root or the group 'lbrd' or 'lbrd-admin'"));
	CHECK(strstr(text, "usermod -aG lbrd "));
	CHECK(strstr(text, "\"groups\": [ \"lbrd\", \"lbrd-admin\" ]"));
	json_object_put(denial);

	denial = policy_denial(policy, RIGHT_ATTACH);
	text = json_object_to_json_string(denial);
	CHECK(strstr(text, "that takes root"));
	CHECK(strstr(text, "allow attach user NAME"));
	CHECK(strstr(text, "\"groups\": [ ]"));
	json_object_put(denial);
	policy_free(policy);
}

int main(int argc, char **argv)
{
	CHECK_EQ(argc, 2);
	test_who_may_what();
	test_nothing_allows_nothing();
	test_mistakes_are_named();
	test_large_files();
	test_default(argv[1]);
	test_denials();
	return 0;
}
