/* SPDX-License-Identifier: Apache-2.0 */
/* No file is a policy, the built-in one; a file that cannot be read is none. */
#include "daemon/policy-file.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/log.h"

/* The example has a thirtieth. */
#define MAX_BYTES 65536

static int find_user(const char *name, uid_t *ret)
{
	const struct passwd *user = getpwnam(name);

	if (user)
		*ret = user->pw_uid;
	return user ? 0 : -ENOENT;
}

static int find_group(const char *name, gid_t *ret)
{
	const struct group *group = getgrnam(name);

	if (group)
		*ret = group->gr_gid;
	return group ? 0 : -ENOENT;
}

static int unreadable(struct policy_error *error, const char *reason)
{
	error->line = 0;
	snprintf(error->reason, sizeof(error->reason), "%s", reason);
	return POLICY_E_BAD;
}

/* POLICY_E_BAD with `reterr`, -ENOMEM. */
static int load(const char *path, struct policy **ret, bool *ret_built_in,
		struct policy_error *reterr)
{
	static const struct policy_names names = {.user = find_user, .group = find_group};
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t length;

	*ret_built_in = !file && errno == ENOENT;
	if (*ret_built_in)
		return policy_new_default(&names, ret);
	if (!file)
		return unreadable(reterr, strerror(errno));
	text = malloc(MAX_BYTES);
	if (!text)
		return -ENOMEM;
	length = fread(text, 1, MAX_BYTES, file);
	if (ferror(file))
		return unreadable(reterr, strerror(errno));
	if (length == MAX_BYTES)
		return unreadable(reterr, "it is larger than any policy");
	return policy_parse(text, length, &names, ret, reterr);
}

int policy_file_load(struct policy_in_force *policy)
{
	struct policy_error error;
	struct policy *rules;
	bool built_in;
	int r = load(policy->file, &rules, &built_in, &error);

	if (r < 0)
		return r;
	policy->problem[0] = '\0';
	if (r == 0) {
		policy_free(policy->rules);
		policy->rules = rules;
		policy->built_in = built_in;
		return 0;
	}
	if (error.line)
		snprintf(policy->problem, sizeof(policy->problem), "line %u: %s", error.line,
				error.reason);
	else
		snprintf(policy->problem, sizeof(policy->problem), "%s", error.reason);
	log_policy_refused(policy->file, policy->problem, !policy->rules);
	return r;
}
