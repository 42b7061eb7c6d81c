/* SPDX-License-Identifier: Apache-2.0 */
/* What is a message and what is not, by RFC 8259 and our own narrower rules. */
#include "proto/message.h"
#include "tests/unit/check.h"

#define MAX_DEPTH 8

static int parse(const char *text, size_t length, struct json_object **ret)
{
	/* An exact allocation, so that the sanitizer sees a read behind the NUL byte. */
	char *copy = malloc(length + 1);
	int r;

	memcpy(copy, text, length);
	copy[length] = '\0';
	r = message_parse(copy, length, MAX_DEPTH, ret);
	free(copy);
	return r;
}

static void test_accepted(void)
{
	static const struct {
		const char *text, *plain;
	} cases[] = {
		{ "{}", "{}" },
		{ " \t\r\n{ } \n", "{}" },
		{ "{\"a\":1}", "{\"a\":1}" },
		{ "{\"a\" : [ 1 , -2,true ,false,null , {} ,[] ]}",
		  "{\"a\":[1,-2,true,false,null,{},[]]}" },
		{ "{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
		  "{\"a\":9223372036854775807,\"b\":-9223372036854775808}" },
		{ "{\"\":\"\"}", "{\"\":\"\"}" },
		{ "{\"a\":\"\\u00e4\\n\\\"\\\\\\/\"}", "{\"a\":\"\xc3\xa4\\n\\\"\\\\/\"}" },
		{ "{\"a\":\"\\ud83d\\ude00 \\ud83d x\"}",
		  "{\"a\":\"\xf0\x9f\x98\x80 \xef\xbf\xbd x\"}" },
		{ "{\"k\\u0061\":0}", "{\"ka\":0}" },
		/* Depth is how deep it goes, not how many there are. */
		{ "{\"a\":[[],[],{},[],[{}],[],[],{},[],[]]}",
		  "{\"a\":[[],[],{},[],[{}],[],[],{},[],[]]}" },
		{ "{\"a\":[[[[[[[]]]]]]]}", "{\"a\":[[[[[[[]]]]]]]}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *json = NULL;

		CHECK_EQ(parse(cases[i].text, strlen(cases[i].text), &json), 0);
		CHECK_STR(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
				JSON_C_TO_STRING_NOSLASHESCAPE), cases[i].plain);
		json_object_put(json);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "", MESSAGE_E_MALFORMED },
		{ " ", MESSAGE_E_MALFORMED },
		{ "{", MESSAGE_E_MALFORMED },
		{ "}", MESSAGE_E_MALFORMED },
		{ "{]", MESSAGE_E_MALFORMED },
		{ "{\"a\":[1}", MESSAGE_E_MALFORMED },
		{ "{} x", MESSAGE_E_MALFORMED },
		{ "{}{}", MESSAGE_E_MALFORMED },
		{ "{}\xff", MESSAGE_E_MALFORMED },
		{ "[]", MESSAGE_E_NOT_OBJECT },
		{ "1", MESSAGE_E_NOT_OBJECT },
		{ "null", MESSAGE_E_NOT_OBJECT },
		{ "\"a\"", MESSAGE_E_NOT_OBJECT },
		{ "{\"a\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":}", MESSAGE_E_MALFORMED },
		{ "{\"a\":1,}", MESSAGE_E_MALFORMED },
		{ "{,\"a\":1}", MESSAGE_E_MALFORMED },
		{ "{\"a\":1 \"b\":2}", MESSAGE_E_MALFORMED },
		{ "{\"a\":[1,]}", MESSAGE_E_MALFORMED },
		{ "{\"a\":[,1]}", MESSAGE_E_MALFORMED },
		{ "{\"a\":[1 2]}", MESSAGE_E_MALFORMED },
		{ "{\"a\":[", MESSAGE_E_MALFORMED },
		{ "{a:1}", MESSAGE_E_MALFORMED },
		{ "{'a':1}", MESSAGE_E_MALFORMED },
		{ "{1:1}", MESSAGE_E_MALFORMED },
		{ "{\"a\":'b'}", MESSAGE_E_MALFORMED },
		{ "{\"a\":NaN}", MESSAGE_E_MALFORMED },
		{ "{\"a\":Infinity}", MESSAGE_E_MALFORMED },
		{ "{\"a\":-Infinity}", MESSAGE_E_MALFORMED },
		{ "{\"a\":True}", MESSAGE_E_MALFORMED },
		{ "{\"a\":tru}", MESSAGE_E_MALFORMED },
		{ "{\"a\":nul}", MESSAGE_E_MALFORMED },
		{ "{\"a\":nullx}", MESSAGE_E_MALFORMED },
		{ "{\"a\":01}", MESSAGE_E_MALFORMED },
		{ "{\"a\":+1}", MESSAGE_E_MALFORMED },
		{ "{\"a\":-}", MESSAGE_E_MALFORMED },
		{ "{\"a\":.5}", MESSAGE_E_MALFORMED },
		{ "{\"a\":1.}", MESSAGE_E_MALFORMED },
		{ "{\"a\":1e}", MESSAGE_E_MALFORMED },
		{ "{\"a\":0x10}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"b}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"b\\\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\\x\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\\u12\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\\u12g4\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\n\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\xff\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\xc0\x80\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\xed\xa0\x80\"}", MESSAGE_E_MALFORMED },
		{ "{\"a\":\"\xf4\x90\x80\x80\"}", MESSAGE_E_MALFORMED },
		{ "{\"\xe4\":1}", MESSAGE_E_MALFORMED },
		{ "{\"a\\u0000b\":1}", MESSAGE_E_MALFORMED },
		{ "{/*c*/}", MESSAGE_E_MALFORMED },
		{ "{\"a\":1,\"a\":1}", MESSAGE_E_DUPLICATE },
		{ "{\"a\":null,\"a\":null}", MESSAGE_E_DUPLICATE },
		{ "{\"a\":1,\"\\u0061\":1}", MESSAGE_E_DUPLICATE },
		{ "{\"a\":[[[[[[[[]]]]]]]]}", MESSAGE_E_TOO_DEEP },
		{ "[[[[[[[[[", MESSAGE_E_TOO_DEEP },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *json = NULL;
		int r = parse(cases[i].text, strlen(cases[i].text), &json);

		if (r != cases[i].error)
			fprintf(stderr, "case %zu: %s\n", i, cases[i].text);
		CHECK_EQ(r, cases[i].error);
		CHECK(!json);
	}
}

static void test_nul_bytes(void)
{
	static const char behind[] = "{}\0", inside[] = "{\"a\":\"x\0y\"}", escaped[] = "{\"a\":\"x\\u0000y\"}";
	struct json_object *json = NULL;

	CHECK_EQ(parse(behind, sizeof(behind) - 1, &json), MESSAGE_E_MALFORMED);
	CHECK_EQ(parse(inside, sizeof(inside) - 1, &json), MESSAGE_E_MALFORMED);
	CHECK_EQ(parse(escaped, sizeof(escaped) - 1, &json), 0);
	CHECK_EQ(json_object_get_string_len(json_object_object_get(json, "a")), 3);
	json_object_put(json);
}

static void test_numbers_keep_their_type(void)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {
		{ "0", json_type_int },
		{ "-0", json_type_int },
		{ "9223372036854775807", json_type_int },
		{ "-9223372036854775808", json_type_int },
		{ "9223372036854775808", json_type_double },
		{ "-9223372036854775809", json_type_double },
		{ "99999999999999999999999999999999", json_type_double },
		{ "1.0", json_type_double },
		{ "1.5", json_type_double },
		{ "1e2", json_type_double },
		{ "1E+2", json_type_double },
		{ "1e400", json_type_double },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *json;
		char text[100];

		snprintf(text, sizeof(text), "{\"a\":%s}", cases[i].text);
		CHECK_EQ(parse(text, strlen(text), &json), 0);
		CHECK_EQ(json_object_get_type(json_object_object_get(json, "a")), cases[i].type);
		json_object_put(json);
	}
}

/* Every prefix of a message is refused, and no byte that is damaged leads astray. */
static void test_damaged(void)
{
	static const char text[] = "{\"method\":\"a.b.C\",\"parameters\":{\"x\":[1,-2.5e3,\"\\u00e4\"],"
				   "\"y\":null},\"more\":true}";
	struct json_object *json;

	for (size_t n = 0; n < sizeof(text) - 1; n++)
		CHECK_EQ(parse(text, n, &json), MESSAGE_E_MALFORMED);
	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		for (int c = 0; c < 256; c++) {
			char damaged[sizeof(text)];

			memcpy(damaged, text, sizeof(text));
			damaged[at] = c;
			if (parse(damaged, sizeof(text) - 1, &json) == 0)
				json_object_put(json);
		}
	}
}

int main(void)
{
	test_accepted();
	test_refused();
	test_nul_bytes();
	test_numbers_keep_their_type();
	test_damaged();
	CHECK_STR(message_error_text(MESSAGE_E_TOO_DEEP), "nested too deep");
	return 0;
}
