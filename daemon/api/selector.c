/* SPDX-License-Identifier: Apache-2.0 */
/* See selector.h. The types have been checked; what is left is that it means one thing. */
#include "daemon/api/selector.h"

#include <limits.h>
#include <stdint.h>

#include "common/macro.h"
#include "daemon/api/parameters.h"

const char *selector_parse(struct json_object *json, struct target_selector *ret)
{
	static const struct {
		const char *name;
		int by;
	} texts[] = {
		{"programName", SELECT_PROGRAM_NAME},
		{"programTag", SELECT_PROGRAM_TAG},
		{"programPath", SELECT_PROGRAM_PATH},
		{"kernelFunction", SELECT_KERNEL_FUNCTION},
	};
	int64_t id, owner;
	int n = 0;

	if (parameter_int(json, "programId", 1, UINT32_MAX, &id) < 0)
		return "programId";
	if (parameter_int(json, "ownerProcessId", 1, INT_MAX, &owner) < 0)
		return "ownerProcessId";
	*ret = (struct target_selector){
		.id = id,
		.owner = owner,
		.function = parameter_string(json, "function"),
	};
	if (id)
		ret->by = SELECT_PROGRAM_ID, n++;
	if (owner)
		ret->by = SELECT_OWNER, n++;
	if (parameter_bool(json, "allPrograms"))
		ret->by = SELECT_ALL_PROGRAMS, n++;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (parameter(json, texts[i].name)) {
			ret->by = texts[i].by, n++;
			ret->text = parameter_string(json, texts[i].name);
			if (!ret->text[0])
				return texts[i].name;
		}
	if (ret->function && (ret->by == SELECT_KERNEL_FUNCTION || !ret->function[0]))
		return "function";
	return n == 1 ? NULL : "targets";
}
