/* SPDX-License-Identifier: Apache-2.0 */
/* json-c's getters convert whatever they find; these do not. */
#include "client/fields.h"

#include "common/macro.h"

static struct json_object *get(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *member = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &member) ||
	    !json_object_is_type(member, type))
		return NULL;
	return member;
}

bool has_field(struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	return json_object_is_type(object, json_type_object) &&
	       json_object_object_get_ex(object, name, &member) && member;
}

const char *get_string(struct json_object *object, const char *name)
{
	struct json_object *member = get(object, name, json_type_string);

	return member ? json_object_get_string(member) : "";
}

int64_t get_int(struct json_object *object, const char *name)
{
	return json_object_get_int64(get(object, name, json_type_int));
}

bool get_bool(struct json_object *object, const char *name)
{
	return json_object_get_boolean(get(object, name, json_type_boolean));
}

struct json_object *get_object(struct json_object *object, const char *name)
{
	return get(object, name, json_type_object);
}

struct json_object *get_array(struct json_object *object, const char *name)
{
	return get(object, name, json_type_array);
}

size_t get_length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

void get_losses(struct json_object *object, struct losses *ret)
{
	for (int i = 0; i < LOSS_COUNT; i++)
		ret->count[i] = (uint64_t)MAX(get_int(object, loss_members[i]), (int64_t)0);
}
