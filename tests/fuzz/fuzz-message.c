/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a peer may send: framing in chunks whose size the input chooses, the parser, the check
 * against the interface, the pull reader. Besides surviving, two things are asserted: chunking does
 * not change what is seen, and whatever our parser accepts json-c accepts with the same value.
 *
 * Built for libFuzzer with `clang -fsanitize=fuzzer,address`; the test suite runs it over the
 * corpus and over mutations of it, see run-corpus.c.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/framing.h"
#include "proto/interface.h"
#include "proto/json-reader.h"
#include "proto/message.h"

#define MAX_MESSAGE 4096
#define MAX_DEPTH 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool is_same(struct json_object *ours, struct json_object *theirs);

static bool is_same_object(struct json_object *ours, struct json_object *theirs)
{
	if (json_object_object_length(ours) != json_object_object_length(theirs))
		return false;
	json_object_object_foreach(ours, key, value) {
		struct json_object *other;

		if (!json_object_object_get_ex(theirs, key, &other) || !is_same(value, other))
			return false;
	}
	return true;
}

static bool is_same_array(struct json_object *ours, struct json_object *theirs)
{
	size_t n = json_object_array_length(ours);

	if (json_object_array_length(theirs) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_same(json_object_array_get_idx(ours, i),
			     json_object_array_get_idx(theirs, i)))
			return false;
	return true;
}

/* Equal, but for integers beyond int64, which json-c clamps and we do not. */
static bool is_same(struct json_object *ours, struct json_object *theirs)
{
	enum json_type type = json_object_get_type(ours), other = json_object_get_type(theirs);

	if (type == json_type_double && other == json_type_int)
		return fabs(json_object_get_double(ours)) >= 0x1p63;
	if (type != other)
		return false;
	if (type == json_type_object)
		return is_same_object(ours, theirs);
	if (type == json_type_array)
		return is_same_array(ours, theirs);
	return json_object_equal(ours, theirs);
}

/*
 * json-c 0.16 takes code points whose lower half looks like a surrogate (U+1D800 to U+1DFFF, and so
 * on) for one after it has put them together, and replaces them.
 */
static bool confuses_json_c(const char *message, size_t length)
{
	for (size_t i = 0; i + 6 <= length; i++) {
		unsigned int unit;

		if (memcmp(message + i, "\\u", 2) == 0 && sscanf(message + i + 2, "%4x", &unit) == 1 &&
				(unit & 0xfc3e) == 0xd836)
			return true;
	}
	return false;
}

/* Whether json-c, strict since 0.17, may refuse it: an integer that fits none of its types. */
static bool has_large_integer(struct json_object *json)
{
	if (json_object_is_type(json, json_type_double))
		return fabs(json_object_get_double(json)) >= 0x1p63;
	if (json_object_is_type(json, json_type_object)) {
		json_object_object_foreach(json, key, value)
			if (key && has_large_integer(value))
				return true;
	}
	if (json_object_is_type(json, json_type_array))
		for (size_t i = 0; i < json_object_array_length(json); i++)
			if (has_large_integer(json_object_array_get_idx(json, i)))
				return true;
	return false;
}

static void compare_with_json_c(const char *message, size_t length, struct json_object *ours)
{
	struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH + 1);
	struct json_object *theirs;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	theirs = json_tokener_parse_ex(tokener, message, length + 1);
	if (json_tokener_get_error(tokener) == json_tokener_success)
		require(is_same(ours, theirs));
	else
		require(has_large_integer(ours));
	json_object_put(theirs);
	json_tokener_free(tokener);
}

static void check_parameters(struct json_object *message)
{
	static struct interface *interface;
	char path[INTERFACE_PATH_MAX];

	if (!interface)
		require(interface_new(proto_interface_text, &interface, NULL) == 0);
	for (size_t i = 0; i < interface->n_members; i++) {
		int r = interface_check(interface->members[i].type,
				json_object_object_get(message, "parameters"), path);

		require(strlen(path) < INTERFACE_PATH_MAX && (r || !path[0]));
	}
}

/* Reads a value as it comes; false when it is too deep to be a message. */
static bool walk(struct json_reader *r, char *buffer, size_t size, unsigned int depth)
{
	struct json_slice slice;
	int64_t number;

	switch (json_peek(r)) {
	case JSON_KIND_OBJECT:
		json_enter_object(r);
		while (json_next_key(r, &slice))
			if (!depth || !walk(r, buffer, size, depth - 1))
				return false;
		return true;
	case JSON_KIND_ARRAY:
		json_enter_array(r);
		while (json_next_element(r))
			if (!depth || !walk(r, buffer, size, depth - 1))
				return false;
		return true;
	case JSON_KIND_STRING:
		json_read_string(r, buffer, size, &slice);
		return true;
	case JSON_KIND_NUMBER:
		json_read_int(r, &number);
		return true;
	default:
		json_skip(r);
		return true;
	}
}

static void read_message(const char *message, size_t length, bool accepted)
{
	char *buffer = malloc(length + 1);
	struct json_reader r;

	json_reader_init(&r, message, length);
	if (walk(&r, buffer, length, MAX_DEPTH))
		json_finish(&r);
	json_reader_init(&r, message, length);
	json_skip(&r);
	require(!accepted || json_finish(&r) == 0);
	free(buffer);
}

static void take_message(const char *message, size_t length)
{
	/* An exact allocation, so that the sanitizer sees a read behind the NUL byte. */
	char *copy = memcpy(malloc(length + 1), message, length + 1);
	struct json_object *json;
	bool accepted = message_parse(copy, length, MAX_DEPTH, &json) == 0;

	if (accepted) {
		if (!confuses_json_c(copy, length))
			compare_with_json_c(copy, length, json);
		check_parameters(json);
		json_object_put(json);
	}
	read_message(copy, length, accepted);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *message, *next = (const char *)data + 1, *end = (const char *)data + size;
	size_t chunk = size ? data[0] % 64 + 1 : 1, length;
	const char *expected = next;
	struct framing framing;

	framing_init(&framing, MAX_MESSAGE);
	while (next < end) {
		char *room;
		size_t n;

		require(framing_reserve(&framing, &room, &n) == 0);
		n = n < chunk ? n : chunk;
		n = n < (size_t)(end - next) ? n : (size_t)(end - next);
		memcpy(room, next, n);
		framing_commit(&framing, n);
		next += n;
		while (framing_next(&framing, &message, &length) == 1) {
			require(memcmp(message, expected, length + 1) == 0);
			expected += length + 1;
			take_message(message, length);
		}
		if (framing_next(&framing, &message, &length) < 0)
			break;
	}
	framing_deinit(&framing);
	return 0;
}
