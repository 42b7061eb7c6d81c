/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short repetitions first, so that an inner loop is folded before the outer one is compared. The
 * rule that must not break: two lines are the same only if they say the same and begin and end the
 * same repetitions, and a repetition lies wholly inside of another or outside.
 */
#include "client/fold.h"

#include <stdbool.h>
#include <string.h>

#include "common/macro.h"

/* Longer bodies are no help to a reader, and looking for them costs time. */
#define LONGEST_BODY 256

static bool same_line(const struct fold_line *a, const struct fold_line *b)
{
	return a->content == b->content && a->opened == b->opened && a->closed == b->closed &&
	       !memcmp(a->times, b->times, sizeof(a->times));
}

static bool same_body(const struct fold_line *a, const struct fold_line *b, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!same_line(&a[i], &b[i]))
			return false;
	return true;
}

/* Whether every repetition that has a part in the body is all in it, and one more may be put on. */
static bool is_closed(const struct fold_line *body, size_t length)
{
	unsigned int open = 0, deepest = 0;

	for (size_t i = 0; i < length; i++) {
		open += body[i].opened;
		deepest = MAX(deepest, open);
		if (body[i].closed > open)
			return false;
		open -= body[i].closed;
	}
	return !open && deepest < FOLD_LEVELS;
}

/* How often the body of `length` lines stands here, one behind the other. */
static unsigned int count(const struct fold_line *lines, size_t n, size_t length)
{
	unsigned int times = 1;

	if (!same_body(lines, lines + length, length) || !is_closed(lines, length))
		return 1;
	while ((times + 1) * length <= n &&
	       same_body(lines, lines + times * length, length))
		times++;
	return times;
}

static size_t fold_length(struct fold_line *lines, size_t n, size_t length)
{
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		unsigned int times = i + 2 * length <= n ? count(lines + i, n - i, length) : 1;
		size_t kept = times > 1 ? length : 1;
		struct fold_line *last;

		memmove(lines + out, lines + i, kept * sizeof(*lines));
		i += times * kept;
		out += kept;
		if (times == 1)
			continue;
		lines[out - kept].opened++;
		last = &lines[out - 1];
		last->times[last->closed++] = times;
	}
	return out;
}

size_t fold_lines(struct fold_line *lines, size_t n)
{
	for (size_t length = 1; length <= LONGEST_BODY && 2 * length <= n; length++)
		n = fold_length(lines, n, length);
	return n;
}
