/* SPDX-License-Identifier: Apache-2.0 */
/* The getters of json-c convert between types: safe here because the types have been checked. */
#include "daemon/api/parameters.h"

#include <errno.h>
#include <string.h>

struct json_object *parameter(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

const char *parameter_string(struct json_object *object, const char *name)
{
	struct json_object *value = parameter(object, name);

	return value ? json_object_get_string(value) : NULL;
}

bool parameter_bool(struct json_object *object, const char *name)
{
	return json_object_get_boolean(parameter(object, name));
}

int parameter_int(struct json_object *object, const char *name, int64_t minimum, int64_t maximum,
		int64_t *ret)
{
	struct json_object *value = parameter(object, name);

	*ret = 0;
	if (!value)
		return 0;
	*ret = json_object_get_int64(value);
	return *ret < minimum || *ret > maximum ? -ERANGE : 0;
}

bool parameter_view(struct json_object *object, enum view *ret)
{
	const char *view = parameter_string(object, "view");

	*ret = VIEW_BRANCHES;
	if (view && strcmp(view, "source") == 0)
		*ret = VIEW_SOURCE;
	else if (view && strcmp(view, "instructions") == 0)
		*ret = VIEW_INSTRUCTIONS;
	if (!parameter_bool(object, "raw"))
		return true;
	if (*ret != VIEW_BRANCHES)
		return false;
	*ret = VIEW_RAW;
	return true;
}
