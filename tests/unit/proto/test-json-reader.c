/* SPDX-License-Identifier: Apache-2.0 */
/* The reader over good text, and over garbage: no read outside, no endless loop, an error. */
#include <errno.h>

#include "proto/json-reader.h"
#include "tests/unit/check.h"

static void check_slice(const struct json_slice *slice, const char *expected)
{
	char text[200];

	snprintf(text, sizeof(text), "%.*s", (int)slice->length, slice->data);
	CHECK_STR(text, expected);
}

static void test_walk(void)
{
	static const char text[] = " { \"n\" : -42 , \"s\":\"plain\",\"e\":\"a\\tb\\u20ac\",\"skip\":"
				   "{\"}\":[\"]\\\"\",{}]},\"b\":true,\"z\":null,\"l\":[1,[2],3],\"r\": [ {} ] } ";
	struct json_reader r;
	struct json_slice key, s;
	char buffer[16], seen[32] = "";
	int64_t n, sum = 0;
	bool b = false;

	json_reader_init(&r, text, strlen(text));
	CHECK(json_enter_object(&r));
	while (json_next_key(&r, &key)) {
		strncat(seen, key.data, key.length);
		if (json_slice_is(&key, "n")) {
			CHECK(json_read_int(&r, &n));
			CHECK_EQ(n, -42);
		} else if (json_slice_is(&key, "s")) {
			CHECK(json_read_string(&r, buffer, sizeof(buffer), &s));
			check_slice(&s, "plain");
			CHECK(s.data > text && s.data < text + sizeof(text));
		} else if (json_slice_is(&key, "e")) {
			CHECK(json_read_string(&r, buffer, sizeof(buffer), &s));
			check_slice(&s, "a\tb\xe2\x82\xac");
		} else if (json_slice_is(&key, "b")) {
			CHECK(json_read_bool(&r, &b) && b);
		} else if (json_slice_is(&key, "z")) {
			CHECK_EQ(json_peek(&r), JSON_KIND_NULL);
			CHECK(json_read_null(&r));
		} else if (json_slice_is(&key, "l")) {
			CHECK(json_enter_array(&r));
			while (json_next_element(&r)) {
				if (json_peek(&r) == JSON_KIND_ARRAY)
					CHECK(json_skip(&r));
				else if (json_read_int(&r, &n))
					sum += n;
			}
			CHECK_EQ(sum, 4);
		} else if (json_slice_is(&key, "r")) {
			CHECK(json_read_raw(&r, &s));
			check_slice(&s, "[ {} ]");
		} else {
			CHECK(json_skip(&r));
		}
	}
	CHECK_EQ(json_finish(&r), 0);
	CHECK_STR(seen, "nseskipbzlr");
}

static int read_int(const char *text, int64_t *ret)
{
	struct json_reader r;

	json_reader_init(&r, text, strlen(text));
	json_read_int(&r, ret);
	return json_finish(&r);
}

static void test_ints(void)
{
	int64_t n;

	CHECK_EQ(read_int("9223372036854775807", &n), 0);
	CHECK_EQ(n, INT64_MAX);
	CHECK_EQ(read_int("-9223372036854775808", &n), 0);
	CHECK_EQ(n, INT64_MIN);
	CHECK_EQ(read_int("9223372036854775808", &n), -ERANGE);
	CHECK_EQ(read_int("-9223372036854775809", &n), -ERANGE);
	CHECK_EQ(read_int("1.0", &n), -EBADMSG);
	CHECK_EQ(read_int("1e3", &n), -EBADMSG);
	CHECK_EQ(read_int("-", &n), -EBADMSG);
	CHECK_EQ(read_int("00", &n), -EBADMSG);
	CHECK_EQ(read_int("true", &n), -EBADMSG);
	CHECK_EQ(read_int("1x", &n), -EBADMSG);
	CHECK_EQ(read_int("", &n), -EBADMSG);
}

static void test_unescape(void)
{
	char buffer[8];

	CHECK_EQ(json_unescape("\\b\\f\\r\\/", 8, buffer, 8), 4);
	CHECK(memcmp(buffer, "\b\f\r/", 4) == 0);
	CHECK_EQ(json_unescape("\\ud83d\\ude00", 12, buffer, 8), 4);
	CHECK(memcmp(buffer, "\xf0\x9f\x98\x80", 4) == 0);
	CHECK_EQ(json_unescape("\\ude00", 6, buffer, 8), 3);
	CHECK(memcmp(buffer, "\xef\xbf\xbd", 3) == 0);
	CHECK_EQ(json_unescape("\\ud83d\\u0041", 12, buffer, 8), 4);
	CHECK(memcmp(buffer, "\xef\xbf\xbd" "A", 4) == 0);
	CHECK_EQ(json_unescape("123456789", 9, buffer, 8), -ENOBUFS);
	CHECK_EQ(json_unescape("\\", 1, buffer, 8), -EBADMSG);
	CHECK_EQ(json_unescape("\\u12", 4, buffer, 8), -EBADMSG);
	CHECK_EQ(json_unescape("\\q", 2, buffer, 8), -EBADMSG);
}

/* Containers are passed in blocks: what counts is put at every place of a block. */
static void test_skip_at_every_alignment(void)
{
	static const char *const values[] = {
		"{}", "[[[]]]", "{\"a\":[]}", "[\"]\",\"\\\"]\",\"\\\\\",{\"}\":\"{\"}]",
		"[\"\\\\\\\\\\\"\",\"a long string without anything in it\",[],[],{},[[[[]]]],1]",
		"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (int before = 0; before < 34; before++) {
			for (int after = 0; after < 18; after++) {
				struct json_reader r;
				struct json_slice raw;
				char text[300];
				int64_t n;

				snprintf(text, sizeof(text), "[[\"%*s\",%s],%*s7]", before, "",
						values[i], after, "");
				json_reader_init(&r, text, strlen(text));
				json_enter_array(&r);
				CHECK(json_next_element(&r) && json_read_raw(&r, &raw));
				CHECK_EQ(raw.length, before + strlen(values[i]) + 5);
				CHECK(json_next_element(&r) && json_read_int(&r, &n));
				CHECK_EQ(n, 7);
				CHECK(!json_next_element(&r));
				CHECK_EQ(json_finish(&r), 0);
				for (size_t cut = 1; cut < raw.length; cut++) {
					json_reader_init(&r, raw.data, cut);
					CHECK(!json_skip(&r));
				}
			}
		}
	}
}

static void test_errors_stick(void)
{
	struct json_reader r;
	struct json_slice s;
	int64_t n;

	json_reader_init(&r, "{\"a\":x}", 7);
	CHECK(json_enter_object(&r));
	CHECK(json_next_key(&r, &s));
	CHECK(!json_read_int(&r, &n));
	CHECK(!json_skip(&r));
	CHECK(!json_next_key(&r, &s));
	CHECK(!json_next_element(&r));
	CHECK_EQ(json_peek(&r), JSON_KIND_INVALID);
	CHECK_EQ(json_finish(&r), -EBADMSG);
}

/* Walks whatever is there, as deep as it goes; returns how many values it saw. */
static unsigned int walk(struct json_reader *r, unsigned int depth)
{
	struct json_slice s;
	char buffer[4];
	unsigned int n = 1;
	int64_t i;

	switch (depth ? json_peek(r) : JSON_KIND_INVALID) {
	case JSON_KIND_OBJECT:
		json_enter_object(r);
		while (json_next_key(r, &s))
			n += walk(r, depth - 1);
		return n;
	case JSON_KIND_ARRAY:
		json_enter_array(r);
		while (json_next_element(r))
			n += walk(r, depth - 1);
		return n;
	case JSON_KIND_STRING:
		json_read_string(r, buffer, sizeof(buffer), &s);
		return n;
	case JSON_KIND_NUMBER:
		json_read_int(r, &i);
		return n;
	default:
		json_skip(r);
		return n;
	}
}

static void test_garbage(void)
{
	static const char text[] = "{\"a\":[1,\"\\u00e4\",{\"b\":null}],\"c\":-12.5,\"d\":\"xyz\",\"e\":true}";
	static const char alphabet[] = "{}[]\",:\\u019-.e tfn\xff";
	uint32_t random = 1;

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		/* An exact allocation, so that the sanitizer sees any read outside. */
		char *copy = malloc(n ? n : 1);
		struct json_reader r;

		memcpy(copy, text, n);
		json_reader_init(&r, copy, n);
		walk(&r, 10);
		CHECK(json_finish(&r) < 0);
		free(copy);
	}
	for (int round = 0; round < 200000; round++) {
		size_t n = round % 24;
		char *copy = malloc(n ? n : 1);
		struct json_reader r;

		for (size_t i = 0; i < n; i++) {
			random = random * 1664525 + 1013904223;
			copy[i] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
		}
		json_reader_init(&r, copy, n);
		CHECK(walk(&r, 10) <= n + 1);
		json_finish(&r);
		free(copy);
	}
}

int main(void)
{
	test_walk();
	test_ints();
	test_unescape();
	test_skip_at_every_alignment();
	test_errors_stick();
	test_garbage();
	return 0;
}
