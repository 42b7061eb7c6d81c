/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files of any content. Besides surviving: a policy comes of a file or a reason with its
 * line does, and what a good file allows is none of its lines' order. See fuzz-message.c on how it
 * is built and run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* "alice" has the id 'a'; nobody is named by a capital. */
static int find(const char *name, id_t *ret)
{
	*ret = name[0];
	return name[0] >= 'A' && name[0] <= 'Z' ? -ENOENT : 0;
}

/* An exact allocation, so that the sanitizer sees a read behind the end. */
static int parse(const char *text, size_t length, struct policy **ret, struct policy_error *reterr)
{
	static const struct policy_names names = {find, find};
	char *copy = memcpy(malloc(length), text, length);
	int r = policy_parse(copy, length, &names, ret, reterr);

	free(copy);
	return r;
}

static char *reverse_lines(const char *text, size_t length)
{
	char *reversed = malloc(length + 1), *at = reversed + length;
	const char *end = text + length;

	*at = '\n';
	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);
		size_t n = (newline ? newline : end) - text;

		at -= n;
		memcpy(at, text, n);
		text += n;
		if (text < end) {
			*--at = '\n';
			text++;
		}
	}
	require(at == reversed);
	return reversed;
}

static void compare(const struct policy *one, const struct policy *other)
{
	for (int right = 0; right < N_RIGHTS; right++)
		for (unsigned int id = 0; id < 256; id++) {
			const gid_t group = id;

			require(policy_allows_ids(one, right, id, 1000, &group, 1) ==
					policy_allows_ids(other, right, id, 1000, &group, 1));
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = NULL, *other = NULL;
	struct policy_error error;
	int r = parse((const char *)data, size, &policy, &error);

	require(r == 0 || r == POLICY_E_BAD);
	require(!policy == !!r && (r == 0 || (error.line > 0 && error.reason[0])));
	require(memchr(error.reason, '\0', sizeof(error.reason)));
	if (policy) {
		char *reversed = reverse_lines((const char *)data, size);

		require(parse(reversed, size + 1, &other, &error) == 0);
		compare(policy, other);
		for (int right = 0; right < N_RIGHTS; right++)
			json_object_put(policy_denial(policy, right));
		free(reversed);
	}
	policy_free(policy);
	policy_free(other);
	return 0;
}
