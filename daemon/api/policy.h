/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: the rules of the policy file, and the answer to a peer's question. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/wire/server.h"

/* Each stands alone: who may attach need not be allowed to observe what others attached. */
enum right {
	RIGHT_OBSERVE,
	RIGHT_ATTACH, /* and to detach one's own */
	RIGHT_ADMINISTER, /* to detach what others attached */
	RIGHT_ADDRESSES, /* to see those of the kernel */
	N_RIGHTS,
};

/* As the policy file and clients write it. */
const char *right_name(enum right right);

/* Where names are looked up, once, when a policy is made. 0, or -ENOENT. */
struct policy_names {
	int (*user)(const char *name, uid_t *ret);
	int (*group)(const char *name, gid_t *ret);
};

#define POLICY_WORD_MAX 64

struct policy_error {
	unsigned int line; /* from 1 on; 0: the file as a whole */
	char reason[192]; /* no sentence: "there is no group \"x\"" */
};

struct policy;

struct policy_in_force {
	struct policy *rules; /* NULL: only root may do anything */
	const char *file;
	bool built_in; /* the rules are the built-in ones, for there was no file */
	char problem[256]; /* why the rules are not what the file says; "": they are */
};

enum {
	POLICY_E_BAD = 1,
};

/*
 * Makes a policy of the text of a policy file, as lbrd(8) describes it; nothing but `names` is
 * asked. POLICY_E_BAD with `reterr`, -ENOMEM.
 */
int policy_parse(const char *text, size_t length, const struct policy_names *names,
		struct policy **ret, struct policy_error *reterr);
/* NULL is fine. */
void policy_free(struct policy *policy);

/* The policy where there is no file: that of the example, as far as its groups exist here. */
int policy_new_default(const struct policy_names *names, struct policy **ret);

/* Whether the peer has the right. Root has every one; so has nobody else where `policy` is NULL. */
bool policy_allows(const struct policy *policy, enum right right, const struct peer *peer);
/* The same of anybody. */
bool policy_allows_ids(const struct policy *policy, enum right right, uid_t uid, gid_t gid,
		const gid_t *groups, size_t n_groups);

/* The parameters of PermissionDenied for who lacks the right: why, what to do, which groups. */
struct json_object *policy_denial(const struct policy *policy, enum right right);
