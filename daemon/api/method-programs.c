/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: what could be attached, and why not. */
#include "common/clock.h"
#include "daemon/api/api.h"
#include "daemon/api/replies.h"
#include "daemon/trace/programs.h"

static struct json_object *functions_json(const struct program *program, bool hide)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < program->n_functions; i++) {
		const struct program_function *function = &program->functions[i];
		struct json_object *object = json_object_new_object();

		/* Without type information it has none. */
		reply_add(object, "name", json_object_new_string(function->name));
		if (function->start && !hide)
			reply_add_address(object, "address", function->start);
		if (function->size)
			reply_add_int(object, "size", function->size);
		json_tree_append(array, object);
	}
	return array;
}

/* Attach is asked, so that the two never disagree. */
static void add_obstacle(struct api *api, struct json_object *object, uint32_t id)
{
	const struct target_selector selector = {.by = SELECT_PROGRAM_ID, .id = id};
	struct target_list list = {};
	int r;

	r = targets_resolve(api->targets, &selector, TRACE_EXIT, &list);
	reply_add_bool(object, "traceable", r == 0 && list.n_targets > 0);
	if (list.n_failures)
		reply_add_string(object, "obstacle", list.failures[0].message);
	target_list_deinit(&list);
}

static struct json_object *attachments_json(struct api *api, uint32_t id)
{
	struct json_object *array = json_object_new_array();
	uint32_t ids[64];
	size_t n = attachments_of_program(api->attachments, id, ids, 64);

	for (size_t i = 0; array && i < n; i++)
		json_tree_append(array, json_object_new_int64(ids[i]));
	return array;
}

static struct json_object *program_json(struct api *api, const struct program *program,
		bool hide)
{
	uint64_t boot = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	reply_add_int(object, "id", program->id);
	reply_add(object, "name", json_object_new_string(program->name));
	reply_add_string(object, "type", program->type_name);
	reply_add_string(object, "tag", program->tag);
	add_obstacle(api, object, program->id);
	reply_add_int(object, "loadedAt", boot + program->loaded_at);
	reply_add_int(object, "userId", program->uid);
	reply_add_int(object, "size", program->jited_size);
	reply_add(object, "functions", functions_json(program, hide));
	reply_add(object, "attachments", attachments_json(api, program->id));
	return object;
}

int method_programs(struct call *call, struct json_object *parameters, void *userdata)
{
	struct json_object *array = json_object_new_array();
	bool hide = api_hides(userdata, call);
	struct program program;
	uint32_t id = 0;

	while (array && program_next(id, &id) == 0) {
		/* One that was unloaded since its id was read is none of the loaded ones. */
		if (program_is_ours(id) || program_read(id, &program) < 0)
			continue;
		json_tree_append(array, program_json(userdata, &program, hide));
		program_deinit(&program);
	}
	return call_reply(call, reply_wrap("programs", array));
}
