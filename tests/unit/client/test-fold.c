/* SPDX-License-Identifier: Apache-2.0 */
/* Repetitions as text: "ab" three times is "(ab)3". Undone, they are what they were. */
#include <stdlib.h>

#include "client/fold.h"
#include "tests/unit/check.h"

#define MOST 200
#define ROUNDS 20000

static void fold(const char *text, char *out)
{
	struct fold_line lines[MOST];
	size_t n = strlen(text);

	CHECK(n <= MOST);
	memset(lines, 0, sizeof(lines));
	for (size_t i = 0; i < n; i++) {
		lines[i].content = (unsigned char)text[i];
		lines[i].index = i;
	}
	n = fold_lines(lines, n);
	for (size_t i = 0; i < n; i++) {
		CHECK_EQ(text[lines[i].index], lines[i].content);
		for (unsigned int k = 0; k < lines[i].opened; k++)
			*out++ = '(';
		*out++ = (char)lines[i].content;
		for (unsigned int k = 0; k < lines[i].closed; k++)
			out += sprintf(out, ")%u", lines[i].times[k]);
	}
	*out = '\0';
}

/* Appends what the folded text stands for, up to its end or a closing parenthesis. */
static const char *unfold(const char *text, unsigned int depth, char **out)
{
	CHECK(depth <= FOLD_LEVELS);
	while (*text && *text != ')') {
		char *begin = *out, *stop;
		size_t length;

		if (*text != '(') {
			*(*out)++ = *text++;
			continue;
		}
		text = unfold(text + 1, depth + 1, out);
		CHECK_EQ(*text, ')');
		length = (size_t)(*out - begin);
		for (unsigned long n = strtoul(text + 1, &stop, 10); n > 1; n--, *out += length)
			memcpy(*out, begin, length);
		text = stop;
	}
	return text;
}

static void try_text(const char *text, const char *expected)
{
	char got[8 * MOST], undone[MOST + 1], *end = undone;

	fold(text, got);
	if (expected)
		CHECK_STR(got, expected);
	CHECK_EQ(*unfold(got, 0, &end), '\0');
	*end = '\0';
	CHECK_STR(undone, text);
}

/* Few letters, so that much repeats. */
static void try_noise(void)
{
	unsigned int seed = 1;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		char text[MOST + 1] = "";
		size_t n = (size_t)rand_r(&seed) % MOST;

		for (size_t i = 0; i < n; i++)
			text[i] = (char)('a' + (rand_r(&seed) >> 8) % (1 + round % 3));
		try_text(text, NULL);
	}
}

int main(void)
{
	try_text("", "");
	try_text("a", "a");
	try_text("abc", "abc");
	try_text("aa", "(a)2");
	try_text("xabababy", "x(ab)3y");
	try_text("ababa", "(ab)2a");
	try_text("aabaab", "((a)2b)2");
	try_text("abbbcabbbcd", "(a(b)3c)2d");
	/* A repetition of another number of rounds is another body. */
	try_text("abbcabbbc", "a(b)2ca(b)3c");
	/* No deeper than can be shown. */
	try_text("aabaabcaabaabcdaabaabcaabaabcd", "(((a)2b)2c)2d(((a)2b)2c)2d");
	try_noise();
	return 0;
}
