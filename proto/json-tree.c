/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json-c tells of what it has no memory for at each step, and its own printer at none. The rule
 * that must not break: of a tree that misses something nothing is sent.
 */
#include "proto/json-tree.h"

#include <errno.h>
#include <string.h>

static char incomplete; /* its address is the mark */

static void mark(struct json_object *container, struct json_object *value)
{
	json_object_put(value);
	json_object_set_userdata(container, &incomplete, NULL);
}

void json_tree_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (!object)
		json_object_put(value);
	else if (!value || json_object_object_add_ex(object, name, value,
			JSON_C_OBJECT_KEY_IS_CONSTANT) < 0)
		mark(object, value);
}

void json_tree_append(struct json_object *array, struct json_object *value)
{
	if (!array)
		json_object_put(value);
	else if (!value || json_object_array_add(array, value) < 0)
		mark(array, value);
}

/* A member or an element, which may be null; what is written as a whole may not. */
static int write_value(struct json_writer *w, struct json_object *value)
{
	if (value)
		return json_tree_write(w, value);
	json_write_null(w);
	return 0;
}

static int write_object(struct json_writer *w, struct json_object *object)
{
	int r = 0;

	json_begin_object(w);
	json_object_object_foreach(object, name, value) {
		json_write_key(w, name, strlen(name));
		r = write_value(w, value);
		if (r < 0)
			return r;
	}
	json_end_object(w);
	return 0;
}

static int write_array(struct json_writer *w, struct json_object *array)
{
	int r = 0;

	json_begin_array(w);
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		r = write_value(w, json_object_array_get_idx(array, i));
		if (r < 0)
			return r;
	}
	json_end_array(w);
	return 0;
}

static int write_number(struct json_writer *w, struct json_object *number)
{
	size_t length;
	const char *text = json_object_to_json_string_length(number, JSON_C_TO_STRING_PLAIN,
			&length);

	if (!text)
		return -ENOMEM;
	json_write_raw(w, text, length);
	return 0;
}

int json_tree_write(struct json_writer *w, struct json_object *tree)
{
	enum json_type type = json_object_get_type(tree);
	bool container = type == json_type_object || type == json_type_array;

	if (!tree || (container && json_object_get_userdata(tree) == &incomplete))
		return -ENOMEM;
	switch (type) {
	case json_type_object:
		return write_object(w, tree);
	case json_type_array:
		return write_array(w, tree);
	case json_type_string:
		json_write_string(w, json_object_get_string(tree),
				json_object_get_string_len(tree));
		return 0;
	case json_type_int:
		json_write_int(w, json_object_get_int64(tree));
		return 0;
	case json_type_boolean:
		json_write_bool(w, json_object_get_boolean(tree));
		return 0;
	default:
		return write_number(w, tree);
	}
}
