/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a json-c tree with our own reader. json-c's tokener, even strict, lets pass duplicate
 * keys, NaN and single quotes, and clamps integers: a second pass would have to find all of that
 * again. The rule that must not break: whatever is accepted here json-c accepts as well, with the
 * same tree (tests/fuzz compares them).
 */
#include "proto/message.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "proto/json-reader.h"
#include "proto/json-tree.h"
#include "proto/utf8.h"

struct parser {
	struct json_reader reader;
	char *scratch; /* for unescaped strings, as large as the message, made when first needed */
	size_t length;
	unsigned int depth_left;
};

static int parse_value(struct parser *p, struct json_object **ret);

static bool has_control_character(const struct json_slice *s)
{
	for (size_t i = 0; i < s->length; i++)
		if ((unsigned char)s->data[i] < 0x20)
			return true;
	return false;
}

/* Checks the raw text of a string and unescapes it. What comes out may stand in the scratch. */
static int cook_string(struct parser *p, struct json_slice *s)
{
	ptrdiff_t n;

	if (has_control_character(s) || !utf8_valid(s->data, s->length))
		return MESSAGE_E_MALFORMED;
	if (!memchr(s->data, '\\', s->length))
		return 0;
	if (!p->scratch) {
		p->scratch = malloc(p->length);
		if (!p->scratch)
			return -ENOMEM;
	}
	n = json_unescape(s->data, s->length, p->scratch, p->length);
	if (n < 0)
		return MESSAGE_E_MALFORMED;
	*s = (struct json_slice){ p->scratch, n };
	return 0;
}

static int parse_key(struct parser *p, struct json_slice *raw, char **ret)
{
	int r = cook_string(p, raw);

	if (r)
		return r;
	/* json-c's keys end at a NUL byte: one inside would let two different keys become one. */
	if (memchr(raw->data, '\0', raw->length))
		return MESSAGE_E_MALFORMED;
	*ret = strndup(raw->data, raw->length);
	return *ret ? 0 : -ENOMEM;
}

static int parse_member(struct parser *p, struct json_slice *raw_key, struct json_object *object)
{
	_cleanup_free_ char *key = NULL;
	struct json_object *value = NULL;
	int r;

	r = parse_key(p, raw_key, &key);
	if (r)
		return r;
	if (json_object_object_get_ex(object, key, NULL))
		return MESSAGE_E_DUPLICATE;
	r = parse_value(p, &value);
	if (r)
		return r;
	if (json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static int parse_object(struct parser *p, struct json_object **ret)
{
	struct json_object *object = json_object_new_object();
	struct json_slice key;
	int r = 0;

	if (!object)
		return -ENOMEM;
	json_enter_object(&p->reader);
	while (r == 0 && json_next_key(&p->reader, &key))
		r = parse_member(p, &key, object);
	if (r == 0 && p->reader.error)
		r = MESSAGE_E_MALFORMED;
	if (r) {
		json_object_put(object);
		return r;
	}
	*ret = object;
	return 0;
}

static int parse_array(struct parser *p, struct json_object **ret)
{
	struct json_object *array = json_object_new_array_ext(4);
	int r = 0;

	if (!array)
		return -ENOMEM;
	json_enter_array(&p->reader);
	while (r == 0 && json_next_element(&p->reader)) {
		struct json_object *value = NULL;

		r = parse_value(p, &value);
		if (r == 0 && json_object_array_add(array, value) < 0) {
			json_object_put(value);
			r = -ENOMEM;
		}
	}
	if (r == 0 && p->reader.error)
		r = MESSAGE_E_MALFORMED;
	if (r) {
		json_object_put(array);
		return r;
	}
	*ret = array;
	return 0;
}

static int parse_string(struct parser *p, struct json_object **ret)
{
	struct json_slice text;
	int r;

	if (!json_read_raw_string(&p->reader, &text))
		return MESSAGE_E_MALFORMED;
	r = cook_string(p, &text);
	if (r)
		return r;
	*ret = json_object_new_string_len(text.data, text.length);
	return *ret ? 0 : -ENOMEM;
}

static int parse_number(struct parser *p, struct json_object **ret)
{
	struct json_reader at_number = p->reader;
	struct json_slice text;
	bool integer;
	int64_t value;

	if (!json_read_number(&p->reader, &text, &integer))
		return MESSAGE_E_MALFORMED;
	if (integer && json_read_int(&at_number, &value))
		*ret = json_object_new_int64(value);
	else
		*ret = json_object_new_double(strtod(text.data, NULL));
	return *ret ? 0 : -ENOMEM;
}

static int parse_container(struct parser *p, enum json_kind kind, struct json_object **ret)
{
	int r;

	if (p->depth_left == 0)
		return MESSAGE_E_TOO_DEEP;
	p->depth_left--;
	r = kind == JSON_KIND_OBJECT ? parse_object(p, ret) : parse_array(p, ret);
	p->depth_left++;
	return r;
}

static int parse_value(struct parser *p, struct json_object **ret)
{
	enum json_kind kind = json_peek(&p->reader);
	bool flag;

	switch (kind) {
	case JSON_KIND_OBJECT:
	case JSON_KIND_ARRAY:
		return parse_container(p, kind, ret);
	case JSON_KIND_STRING:
		return parse_string(p, ret);
	case JSON_KIND_NUMBER:
		return parse_number(p, ret);
	case JSON_KIND_BOOL:
		if (!json_read_bool(&p->reader, &flag))
			return MESSAGE_E_MALFORMED;
		*ret = json_object_new_boolean(flag);
		return *ret ? 0 : -ENOMEM;
	case JSON_KIND_NULL:
		/* NULL is json-c's null. */
		*ret = NULL;
		return json_read_null(&p->reader) ? 0 : MESSAGE_E_MALFORMED;
	default:
		return MESSAGE_E_MALFORMED;
	}
}

int message_parse(const char *data, size_t length, unsigned int max_depth,
		  struct json_object **ret)
{
	struct parser p = { .length = length, .depth_left = max_depth };
	struct json_object *root = NULL;
	int r;

	json_reader_init(&p.reader, data, length);
	r = parse_value(&p, &root);
	free(p.scratch);
	if (r == 0 && json_finish(&p.reader) < 0)
		r = MESSAGE_E_MALFORMED;
	if (r == 0 && !json_object_is_type(root, json_type_object))
		r = MESSAGE_E_NOT_OBJECT;
	if (r) {
		json_object_put(root);
		return r;
	}
	*ret = root;
	return 0;
}

int message_write_parameters(struct json_writer *w, struct json_object *parameters)
{
	JSON_WRITE_KEY(w, "parameters");
	return json_tree_write(w, parameters);
}

const char *message_error_text(int error)
{
	switch (error) {
	case MESSAGE_E_MALFORMED:
		return "not well-formed JSON";
	case MESSAGE_E_NOT_OBJECT:
		return "not a JSON object";
	case MESSAGE_E_TOO_DEEP:
		return "nested too deep";
	case MESSAGE_E_DUPLICATE:
		return "a member twice in one object";
	default:
		return strerror(error < 0 ? -error : error);
	}
}
