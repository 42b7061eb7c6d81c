/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON against a type tree. Recursion is as deep as the JSON, whose depth message_parse() limits:
 * types may refer to themselves.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/interface.h"

/* Puts `part` before the path, or as many whole characters of its end as fit. */
static void path_prepend(char *path, const char *part)
{
	size_t length = strlen(path), n = strlen(part);
	size_t room = INTERFACE_PATH_MAX - 1 - length;

	if (n > room) {
		part += n - room;
		while ((*part & 0xc0) == 0x80)
			part++;
		n = strlen(part);
	}
	memmove(path + n, path, length + 1);
	memcpy(path, part, n);
}

static void path_prepend_member(char *path, const char *name)
{
	if (path[0] && path[0] != '[')
		path_prepend(path, ".");
	path_prepend(path, name);
}

static void path_prepend_index(char *path, size_t index)
{
	char text[32];

	if (path[0] && path[0] != '[')
		path_prepend(path, ".");
	snprintf(text, sizeof(text), "[%zu]", index);
	path_prepend(path, text);
}

static const struct interface_field *find_field(const struct interface_type *type, const char *name)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	return NULL;
}

static int check_struct(const struct interface_type *type, struct json_object *value, char *path)
{
	if (!json_object_is_type(value, json_type_object))
		return INTERFACE_E_TYPE;
	json_object_object_foreach(value, key, member) {
		const struct interface_field *field = find_field(type, key);
		int r = INTERFACE_E_UNKNOWN;

		if (field) {
			if (!member)
				continue;
			r = interface_check(field->type, member, path);
		}
		if (r) {
			path_prepend_member(path, key);
			return r;
		}
	}
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct interface_field *field = &type->fields[i];

		if (field->type->nullable || json_object_object_get(value, field->name))
			continue;
		path_prepend_member(path, field->name);
		return INTERFACE_E_MISSING;
	}
	return 0;
}

static int check_array(const struct interface_type *type, struct json_object *value, char *path)
{
	size_t n;

	if (!json_object_is_type(value, json_type_array))
		return INTERFACE_E_TYPE;
	n = json_object_array_length(value);
	for (size_t i = 0; i < n; i++) {
		int r = interface_check(type->element, json_object_array_get_idx(value, i), path);

		if (r) {
			path_prepend_index(path, i);
			return r;
		}
	}
	return 0;
}

static int check_map(const struct interface_type *type, struct json_object *value, char *path)
{
	if (!json_object_is_type(value, json_type_object))
		return INTERFACE_E_TYPE;
	json_object_object_foreach(value, key, member) {
		int r = interface_check(type->element, member, path);

		if (r) {
			path_prepend_member(path, key);
			return r;
		}
	}
	return 0;
}

static int check_string(const struct interface_type *type, struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return INTERFACE_E_TYPE;
	text = json_object_get_string(value);
	if (memchr(text, '\0', json_object_get_string_len(value)))
		return INTERFACE_E_TYPE;
	if (type->kind == INTERFACE_ENUM && !find_field(type, text))
		return INTERFACE_E_TYPE;
	return 0;
}

static int check_int(struct json_object *value)
{
	/* json-c keeps what is above INT64_MAX unsigned, and clamps it in get_int64(). */
	if (!json_object_is_type(value, json_type_int) || json_object_get_uint64(value) > INT64_MAX)
		return INTERFACE_E_TYPE;
	return 0;
}

static int check_float(struct json_object *value)
{
	if (json_object_is_type(value, json_type_int))
		return 0;
	if (!json_object_is_type(value, json_type_double))
		return INTERFACE_E_TYPE;
	return isfinite(json_object_get_double(value)) ? 0 : INTERFACE_E_TYPE;
}

int interface_check(const struct interface_type *type, struct json_object *value,
		    char reterr_path[static INTERFACE_PATH_MAX])
{
	reterr_path[0] = '\0';
	if (!value)
		return type->nullable ? 0 : INTERFACE_E_MISSING;
	switch (type->kind) {
	case INTERFACE_BOOL:
		return json_object_is_type(value, json_type_boolean) ? 0 : INTERFACE_E_TYPE;
	case INTERFACE_INT:
		return check_int(value);
	case INTERFACE_FLOAT:
		return check_float(value);
	case INTERFACE_STRING:
	case INTERFACE_ENUM:
		return check_string(type, value);
	case INTERFACE_OBJECT:
		return json_object_is_type(value, json_type_object) ? 0 : INTERFACE_E_TYPE;
	case INTERFACE_ANY:
		return 0;
	case INTERFACE_STRUCT:
		return check_struct(type, value, reterr_path);
	case INTERFACE_ARRAY:
		return check_array(type, value, reterr_path);
	case INTERFACE_MAP:
		return check_map(type, value, reterr_path);
	case INTERFACE_NAMED:
		return interface_check(type->target, value, reterr_path);
	}
	return INTERFACE_E_TYPE;
}
