/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rule per line, and rules only allow: what order they are in does not matter, and a line that
 * is missing can only take away. The rule that must not break: a text with anything wrong in it
 * makes no policy at all.
 */
#include "daemon/api/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/api/replies.h"

/* Nobody reads more of them; a file that has more is none of ours. */
#define MAX_RULES 256
#define MAX_WORDS 5

extern const char policy_default_text[]; /* policy.conf, embedded */

enum subject {
	SUBJECT_EVERYONE,
	SUBJECT_USER,
	SUBJECT_GROUP,
};

struct rule {
	enum right right;
	enum subject subject;
	id_t id;
	char name[POLICY_WORD_MAX];
};

struct policy {
	size_t n_rules;
	struct rule rules[];
};

DEFINE_CLEANUP(struct policy *, policy_free)

static const struct {
	const char *name;
	const char *what; /* "You may not …" */
} rights[N_RIGHTS] = {
	[RIGHT_OBSERVE] = {"observe", "watch what lbrd records, nor ask for its lists and dumps"},
	[RIGHT_ATTACH] = {"attach", "attach or detach with lbrd"},
	[RIGHT_ADMINISTER] = {"administer", "detach what others have attached"},
	[RIGHT_ADDRESSES] = {"addresses", "see or name addresses of the kernel"},
};

const char *right_name(enum right right)
{
	return rights[right].name;
}

/* ---- the file ---- */

struct parser {
	const struct policy_names *names;
	bool lenient; /* who does not exist here is left out */
	struct policy *policy;
	struct policy_error *error;
};

__attribute__((format(printf, 2, 3)))
static int bad(struct parser *parser, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(parser->error->reason, sizeof(parser->error->reason), format, arguments);
	va_end(arguments);
	return POLICY_E_BAD;
}

static int parse_right(struct parser *parser, const char *word, enum right *ret)
{
	for (int right = 0; right < N_RIGHTS; right++)
		if (strcmp(word, rights[right].name) == 0) {
			*ret = right;
			return 0;
		}
	return bad(parser, "there is no right \"%s\": observe, attach, administer or addresses",
			word);
}

/* Looks the name up. -ENOENT: there is nobody of that name, and that is no mistake. */
static int resolve(struct parser *parser, struct rule *rule)
{
	bool is_group = rule->subject == SUBJECT_GROUP;
	int r;

	if (is_group)
		r = parser->names->group(rule->name, &rule->id);
	else
		r = parser->names->user(rule->name, &rule->id);
	if (r == 0 || parser->lenient)
		return r;
	return bad(parser, "there is no %s \"%s\" on this machine", is_group ? "group" : "user",
			rule->name);
}

static int parse_subject(struct parser *parser, char **words, size_t n_words, struct rule *rule)
{
	if (strcmp(words[0], "everyone") == 0) {
		rule->subject = SUBJECT_EVERYONE;
		return n_words == 1 ? 0 : bad(parser, "nothing may follow \"everyone\"");
	}
	if (strcmp(words[0], "group") == 0)
		rule->subject = SUBJECT_GROUP;
	else if (strcmp(words[0], "user") == 0)
		rule->subject = SUBJECT_USER;
	else
		return bad(parser, "\"%s\" is nobody: group NAME, user NAME or everyone", words[0]);
	if (n_words != 2)
		return bad(parser, "one name must follow \"%s\"", words[0]);
	strcpy(rule->name, words[1]);
	return resolve(parser, rule);
}

static int parse_rule(struct parser *parser, char **words, size_t n_words)
{
	struct policy *policy = parser->policy;
	struct rule rule = {};
	int r;

	if (strcmp(words[0], "allow") != 0)
		return bad(parser, "\"%s\" is not understood: a line begins with \"allow\"", words[0]);
	if (n_words < 3)
		return bad(parser, "the line is too short: allow RIGHT group NAME, user NAME or everyone");
	r = parse_right(parser, words[1], &rule.right);
	if (r == 0)
		r = parse_subject(parser, words + 2, n_words - 2, &rule);
	if (r != 0)
		return r == -ENOENT ? 0 : r;
	if (policy->n_rules == MAX_RULES)
		return bad(parser, "there are more than %d rules", MAX_RULES);
	policy->rules[policy->n_rules++] = rule;
	return 0;
}

static bool is_text(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return false;
	return true;
}

/* Words are cut out of a copy; more than a rule can have are not kept apart. */
static int parse_line(struct parser *parser, const char *line, size_t length)
{
	char copy[MAX_WORDS * POLICY_WORD_MAX], *words[MAX_WORDS], *save = NULL;
	const char *comment = memchr(line, '#', length);
	size_t n = 0;

	if (!is_text(line, length))
		return bad(parser, "the line is not text");
	if (comment)
		length = comment - line;
	if (length >= sizeof(copy))
		return bad(parser, "the line is too long");
	memcpy(copy, line, length);
	copy[length] = '\0';
	for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (n == MAX_WORDS)
			return bad(parser, "the line has too many words");
		if (strlen(word) >= POLICY_WORD_MAX)
			return bad(parser, "a word is longer than any name");
		words[n++] = word;
	}
	return n ? parse_rule(parser, words, n) : 0;
}

static int parse(const char *text, size_t length, const struct policy_names *names, bool lenient,
		struct policy **ret, struct policy_error *reterr)
{
	_cleanup_(policy_free_p) struct policy *policy =
		calloc(1, sizeof(*policy) + MAX_RULES * sizeof(policy->rules[0]));
	struct parser parser = {
		.names = names, .lenient = lenient, .policy = policy, .error = reterr,
	};
	const char *end = text + length;

	*reterr = (struct policy_error){};
	if (!policy)
		return -ENOMEM;
	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);
		size_t line_length = (newline ? newline : end) - text;
		int r;

		reterr->line++;
		r = parse_line(&parser, text, line_length);
		if (r != 0)
			return r;
		text += line_length + !!newline;
	}
	*ret = TAKE_PTR(policy);
	return 0;
}

int policy_parse(const char *text, size_t length, const struct policy_names *names,
		struct policy **ret, struct policy_error *reterr)
{
	return parse(text, length, names, false, ret, reterr);
}

int policy_new_default(const struct policy_names *names, struct policy **ret)
{
	struct policy_error error;

	return parse(policy_default_text, strlen(policy_default_text), names, true, ret, &error);
}

void policy_free(struct policy *policy)
{
	free(policy);
}

/* ---- the answer ---- */

bool policy_allows_ids(const struct policy *policy, enum right right, uid_t uid, gid_t gid,
		const gid_t *groups, size_t n_groups)
{
	if (uid == 0)
		return true;
	for (size_t i = 0; policy && i < policy->n_rules; i++) {
		const struct rule *rule = &policy->rules[i];
		bool applies = rule->subject == SUBJECT_EVERYONE ||
			rule->id == (rule->subject == SUBJECT_USER ? uid : gid);

		for (size_t j = 0; rule->subject == SUBJECT_GROUP && j < n_groups && !applies; j++)
			applies = rule->id == groups[j];
		if (rule->right == right && applies)
			return true;
	}
	return false;
}

bool policy_allows(const struct policy *policy, enum right right, const struct peer *peer)
{
	const struct peer_credentials *credentials = peer_credentials(peer);
	const gid_t *groups;
	size_t n_groups = peer_groups(peer, &groups);

	return policy_allows_ids(policy, right, credentials->uid, credentials->gid, groups,
			n_groups);
}

struct json_object *policy_denial(const struct policy *policy, enum right right)
{
	struct json_object *groups = json_object_new_array();
	char message[512], hint[256];
	const char *first = NULL;
	struct json_object *object;
	size_t length;

	length = snprintf(message, sizeof(message), "You may not %s: that takes root", rights[right].what);
	for (size_t i = 0; groups && policy && i < policy->n_rules; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->right != right || rule->subject != SUBJECT_GROUP)
			continue;
		if (length < sizeof(message))
			length += snprintf(message + length, sizeof(message) - length,
					"%s '%s'", first ? " or" : " or the group", rule->name);
		json_tree_append(groups, json_object_new_string(rule->name));
		first = first ? first : rule->name;
	}
	if (first)
		snprintf(hint, sizeof(hint), "Join the group with 'sudo usermod -aG %s \"$USER\"' and log "
				"in anew, or use sudo.", first);
	else
		snprintf(hint, sizeof(hint), "Use sudo, or ask who runs this machine for the line "
				"'allow %s user NAME' in lbrd's policy; see lbrd(8).", rights[right].name);
	object = reply_problem(message, hint);
	if (object)
		reply_add(object, "groups", groups);
	else
		json_object_put(groups);
	return object;
}
