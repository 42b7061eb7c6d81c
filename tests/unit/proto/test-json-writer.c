/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer writes is what a strict parser reads back, byte for byte as expected. */
#include <json-c/json.h>
#include <limits.h>

#include "proto/json-writer.h"
#include "proto/message.h"
#include "tests/unit/check.h"

static void check_text(struct json_writer *w, const char *expected)
{
	const char *text;
	size_t length;

	CHECK_EQ(json_writer_finish(w, &text, &length), 0);
	CHECK_STR(text, expected);
	CHECK_EQ(length, strlen(expected));
	json_writer_reset(w);
}

static void test_structure(void)
{
	struct json_writer w = JSON_WRITER_INIT;

	json_begin_object(&w);
	json_end_object(&w);
	check_text(&w, "{}");

	json_begin_object(&w);
	JSON_WRITE_KEY(&w, "empty");
	json_begin_array(&w);
	json_end_array(&w);
	JSON_WRITE_KEY(&w, "nested");
	json_begin_array(&w);
	json_begin_object(&w);
	JSON_WRITE_KEY(&w, "a");
	json_write_int(&w, 1);
	json_write_raw(&w, "\"b\":2,\"c\":3", 11);
	json_end_object(&w);
	json_write_null(&w);
	json_write_bool(&w, true);
	json_write_bool(&w, false);
	json_end_array(&w);
	json_write_key(&w, "a \"key\"", 7);
	json_write_cstring(&w, ",");
	json_end_object(&w);
	check_text(&w, "{\"empty\":[],\"nested\":[{\"a\":1,\"b\":2,\"c\":3},null,true,false],"
		       "\"a \\\"key\\\"\":\",\"}");

	/* Members alone, to be kept and put into many texts by json_write_raw(). */
	JSON_WRITE_KEY(&w, "a");
	json_write_int(&w, 1);
	JSON_WRITE_KEY(&w, "b");
	json_write_int(&w, 2);
	check_text(&w, "\"a\":1,\"b\":2");
	json_writer_deinit(&w);
}

static void check_string(const char *text, size_t length, const char *expected)
{
	/* At every alignment to the eight bytes that are looked at together. */
	for (size_t before = 0; before < 9; before++) {
		struct json_writer w = JSON_WRITER_INIT;
		char padded[300] = "12345678", quoted[600];

		memcpy(padded + before, text, length);
		snprintf(quoted, sizeof(quoted), "\"%.*s%s\"", (int)before, padded, expected);
		json_write_string(&w, padded, before + length);
		check_text(&w, quoted);
		json_writer_deinit(&w);
	}
}

static void test_strings(void)
{
	check_string("", 0, "");
	check_string("plain text of some length, /slashes/ too", 40,
		     "plain text of some length, /slashes/ too");
	check_string("\"\\\n\t\r\x01\x1f\x7f", 8, "\\\"\\\\\\n\\t\\u000d\\u0001\\u001f\x7f");
	check_string("a\0b", 3, "a\\u0000b");
	check_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	check_string("\xc2\x9b""2J\xc2\xa0", 6, "\\u009b2J\xc2\xa0");
	check_string("\xff", 1, "\xef\xbf\xbd");
	check_string("a\xc3", 2, "a\xef\xbf\xbd");
	check_string("\xc0\x80x", 3, "\xef\xbf\xbd\xef\xbf\xbdx");
	check_string("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	check_string("\xf0\x9f\x98", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

/* Any byte between any others is taken for what it is, wherever the eight byte steps fall. */
static void test_every_byte(void)
{
	struct json_writer w = JSON_WRITER_INIT;

	for (int c = 1; c < 128; c++) {
		for (size_t at = 0; at < 17; at++) {
			char text[18] = "aaaaaaaaaaaaaaaaa";
			struct json_object *json;
			const char *written;
			size_t length;

			text[at] = c;
			json_begin_object(&w);
			JSON_WRITE_KEY(&w, "s");
			json_write_cstring(&w, text);
			json_end_object(&w);
			CHECK_EQ(json_writer_finish(&w, &written, &length), 0);
			CHECK_EQ(message_parse(written, length, 2, &json), 0);
			CHECK_STR(json_object_get_string(json_object_object_get(json, "s")), text);
			json_object_put(json);
			json_writer_reset(&w);
		}
	}
	json_writer_deinit(&w);
}

static void test_numbers(void)
{
	static const int64_t values[] = { 0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 12345678, -1,
					  -10, -100, INT64_MAX, INT64_MIN, INT64_MIN + 1 };
	struct json_writer w = JSON_WRITER_INIT;
	char expected[32];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		json_write_int(&w, values[i]);
		snprintf(expected, sizeof(expected), "%" PRId64, values[i]);
		check_text(&w, expected);
	}
	for (int64_t i = 1; i < INT64_MAX / 7; i = i * 7 + 3) {
		json_write_int(&w, -i);
		snprintf(expected, sizeof(expected), "%" PRId64, -i);
		check_text(&w, expected);
	}
	for (int shift = 0; shift < 64; shift++) {
		uint64_t address = UINT64_C(0xfedcba9876543210) >> shift;

		json_write_address(&w, address);
		snprintf(expected, sizeof(expected), "\"0x%" PRIx64 "\"", address);
		check_text(&w, expected);
	}
	json_write_address(&w, 0);
	check_text(&w, "\"0x0\"");
	json_write_address(&w, UINT64_C(0xffffffff81234567));
	check_text(&w, "\"0xffffffff81234567\"");
	json_writer_deinit(&w);
}

static void test_growing(void)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct json_object *json, *array;
	const char *text;
	size_t length;

	json_begin_object(&w);
	JSON_WRITE_KEY(&w, "a");
	json_begin_array(&w);
	for (int i = 0; i < 20000; i++) {
		json_write_cstring(&w, "\x02\x02\x02\x02");
		json_write_int(&w, i);
	}
	json_end_array(&w);
	json_end_object(&w);
	CHECK_EQ(json_writer_finish(&w, &text, &length), 0);
	CHECK_EQ(message_parse(text, length, 2, &json), 0);
	array = json_object_object_get(json, "a");
	CHECK_EQ(json_object_array_length(array), 40000);
	CHECK_EQ(json_object_get_int64(json_object_array_get_idx(array, 39999)), 19999);
	json_object_put(json);
	json_writer_deinit(&w);
}

/* The address sanitizer ends a program that asks for too much, unless this tells it otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_no_memory(void)
{
	struct json_writer w = JSON_WRITER_INIT;
	const char *text;
	size_t length;

	CHECK(!json_writer_grow(&w, SIZE_MAX));
	json_begin_object(&w);
	json_write_cstring(&w, "text");
	json_end_object(&w);
	CHECK(json_writer_finish(&w, &text, &length) < 0);
	json_writer_reset(&w);
	json_write_int(&w, 1);
	check_text(&w, "1");
	json_writer_deinit(&w);
}

/* What is put in by hand stands among what is written, and a text that is taken is the caller's. */
static void test_room_and_take(void)
{
	static const uint64_t numbers[] = {0, 9, 10, 99, 100, 12345, UINT64_MAX};
	struct json_writer w = JSON_WRITER_INIT;
	char expected[64], *first, *second, *at;
	size_t length;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_begin_array(&w);
		json_write_int(&w, -1);
		at = json_writer_room(&w, 5000);
		CHECK(at != NULL);
		at = json_put_uint(at, numbers[i]);
		*at++ = ',';
		json_writer_filled(&w, at);
		json_write_null(&w);
		json_end_array(&w);
		CHECK_EQ(json_writer_take(&w, &first, &length), 0);
		snprintf(expected, sizeof(expected), "[-1,%" PRIu64 ",null]", numbers[i]);
		CHECK_STR(first, expected);
		CHECK_EQ(length, strlen(expected));

		json_write_bool(&w, true);
		CHECK_EQ(json_writer_take(&w, &second, &length), 0);
		CHECK_STR(second, "true");
		CHECK_STR(first, expected);
		free(first);
		free(second);
	}
	json_writer_deinit(&w);
}

int main(void)
{
	test_room_and_take();
	test_structure();
	test_strings();
	test_every_byte();
	test_numbers();
	test_growing();
	test_no_memory();
	return 0;
}
