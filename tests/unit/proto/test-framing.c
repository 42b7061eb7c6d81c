/* SPDX-License-Identifier: Apache-2.0 */
/* Framing over every chunking, at and above its limit, and the work it does per byte. */
#include <errno.h>

#include "proto/framing.h"
#include "tests/unit/check.h"

static void feed(struct framing *f, const char *data, size_t length)
{
	while (length > 0) {
		char *room;
		size_t size;

		CHECK_EQ(framing_reserve(f, &room, &size), 0);
		CHECK(size > 0);
		size = size < length ? size : length;
		memcpy(room, data, size);
		framing_commit(f, size);
		data += size;
		length -= size;
	}
}

static void expect_message(struct framing *f, const char *text)
{
	const char *message;
	size_t length;

	CHECK_EQ(framing_next(f, &message, &length), 1);
	CHECK_STR(message, text);
	CHECK_EQ(length, strlen(text));
}

static void expect_none(struct framing *f)
{
	const char *message;
	size_t length;

	CHECK_EQ(framing_next(f, &message, &length), 0);
}

static void test_every_split(void)
{
	static const char stream[] = "one\0\0three\0{\"four\":4}";

	for (size_t a = 0; a <= sizeof(stream); a++) {
		struct framing f;
		char taken[64] = "";
		const char *pieces[] = { stream, stream + a };
		size_t lengths[] = { a, sizeof(stream) - a };

		framing_init(&f, 100);
		for (int i = 0; i < 2; i++) {
			const char *message;
			size_t length;

			feed(&f, pieces[i], lengths[i]);
			while (framing_next(&f, &message, &length) == 1) {
				CHECK_EQ(strlen(message), length);
				strcat(strcat(taken, message), "|");
			}
		}
		CHECK_STR(taken, "one||three|{\"four\":4}|");
		CHECK(framing_is_empty(&f));
		framing_deinit(&f);
	}
}

static void test_limit(void)
{
	struct framing f;
	const char *message;
	size_t length;

	framing_init(&f, 5);
	feed(&f, "12345", 6);
	expect_message(&f, "12345");
	feed(&f, "12345", 5);
	expect_none(&f);
	feed(&f, "6", 1);
	CHECK_EQ(framing_next(&f, &message, &length), -EMSGSIZE);
	framing_deinit(&f);

	/* A complete message is not let through just because its end has arrived as well. */
	framing_init(&f, 5);
	feed(&f, "123456", 7);
	CHECK_EQ(framing_next(&f, &message, &length), -EMSGSIZE);
	framing_deinit(&f);
}

static void test_bounded_memory(void)
{
	struct framing f;
	char *room, block[1000];
	size_t size, held = 0;
	int r;

	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\0';
	framing_init(&f, 10000);
	for (;;) {
		r = framing_reserve(&f, &room, &size);
		if (r < 0)
			break;
		size = size < sizeof(block) ? size : sizeof(block);
		memcpy(room, block, size);
		framing_commit(&f, size);
		held += size;
		CHECK(held < 100000);
	}
	CHECK_EQ(r, -ENOBUFS);
	CHECK(held >= 20000);
	/* Taking out what is there makes room again. */
	for (const char *message; framing_next(&f, &message, &size) == 1;)
		CHECK_EQ(size, 999);
	CHECK_EQ(framing_reserve(&f, &room, &size), 0);
	framing_deinit(&f);
}

static void test_keeps_partial_message_when_it_moves(void)
{
	struct framing f;
	char big[3000];

	memset(big, 'b', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	framing_init(&f, 4000);
	for (int i = 0; i < 200; i++) {
		feed(&f, big, sizeof(big));
		feed(&f, "par", 3);
		expect_message(&f, big);
		expect_none(&f);
		feed(&f, "tial", 5);
		expect_message(&f, "partial");
	}
	CHECK(framing_is_empty(&f));
	framing_deinit(&f);
}

static void test_searches_each_byte_once(void)
{
	struct framing f;
	size_t length = 1 << 20;

	framing_init(&f, 2 * length);
	for (size_t i = 0; i < length; i++) {
		feed(&f, "x", 1);
		CHECK_EQ(f.end - f.scanned, 1);
		expect_none(&f);
		CHECK_EQ(f.end, f.scanned);
	}
	framing_deinit(&f);
}

static void test_trim(void)
{
	struct framing f;
	char *big = calloc(1, 100001);

	memset(big, 'x', 100000);
	framing_init(&f, 200000);
	feed(&f, big, 100001);
	framing_trim(&f);
	expect_message(&f, big);
	framing_trim(&f);
	CHECK_EQ(f.capacity, 0);
	feed(&f, "after", 6);
	expect_message(&f, "after");
	framing_deinit(&f);
	free(big);
}

int main(void)
{
	test_every_split();
	test_limit();
	test_bounded_memory();
	test_keeps_partial_message_when_it_moves();
	test_searches_each_byte_once();
	test_trim();
	return 0;
}
