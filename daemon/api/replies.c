/* SPDX-License-Identifier: Apache-2.0 */
/* Builds replies with json-c. Events, which come by the thousand, are written by encoder.c. */
#include "daemon/api/replies.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/macro.h"
#include "daemon/api/hidden.h"
#include "daemon/api/tracing.h"

void reply_add(struct json_object *object, const char *name, struct json_object *value)
{
	json_tree_add(object, name, value);
}

void reply_add_int(struct json_object *object, const char *name, uint64_t value)
{
	reply_add(object, name, json_object_new_int64(value > INT64_MAX ? INT64_MAX : value));
}

void reply_add_bool(struct json_object *object, const char *name, bool value)
{
	reply_add(object, name, json_object_new_boolean(value));
}

void reply_add_string(struct json_object *object, const char *name, const char *value)
{
	if (value && value[0])
		reply_add(object, name, json_object_new_string(value));
}

void reply_add_address(struct json_object *object, const char *name, uint64_t address)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	reply_add_string(object, name, text);
}

struct json_object *reply_wrap(const char *name, struct json_object *value)
{
	struct json_object *object = json_object_new_object();

	reply_add(object, name, value);
	return object;
}

struct json_object *reply_target(const struct target *target)
{
	bool is_program = target->kind == TARGET_PROGRAM;
	struct json_object *object = json_object_new_object();
	char name[2 * TARGET_NAME_MAX + 2];

	if (!object)
		return NULL;
	target_format_name(target, name, sizeof(name));
	reply_add_string(object, "kind", is_program ? "program" : "function");
	reply_add_string(object, "name", name);
	reply_add_string(object, "mode", target->mode == TRACE_EXIT ? "exit" : "entry");
	if (is_program) {
		reply_add_int(object, "programId", target->program_id);
		reply_add_string(object, "programName", target->program);
		reply_add_string(object, "programTag", target->tag);
	}
	reply_add_string(object, "function", target->function);
	reply_add_string(object, "module", target->module);
	return object;
}

static const char *const loss_names[N_LOSS_CAUSES] = {
	[LOSS_RING_FULL] = "ringFull",
	[LOSS_SLOT_BUSY] = "slotBusy",
	[LOSS_RECURSION] = "recursion",
	[LOSS_RATE] = "rate",
	[LOSS_MALFORMED] = "malformed",
	[LOSS_SLOW_OBSERVER] = "slowObserver",
};

void reply_read_losses(struct json_object *object, struct losses *ret)
{
	for (int cause = 0; cause < N_LOSS_CAUSES; cause++) {
		int64_t n = json_object_get_int64(json_object_object_get(object,
				loss_names[cause]));

		ret->by_cause[cause] = MAX(n, 0);
	}
}

struct json_object *reply_losses(const struct losses *losses)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	for (int cause = 0; cause < N_LOSS_CAUSES; cause++)
		reply_add_int(object, loss_names[cause], losses->by_cause[cause]);
	return object;
}

static struct json_object *reply_filter(const struct attachment_filter *filter)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	if (filter->pid)
		reply_add_int(object, "processId", filter->pid);
	if (filter->limit)
		reply_add_int(object, "limit", filter->limit);
	if (filter->max_per_second)
		reply_add_int(object, "maxPerSecond", filter->max_per_second);
	return object;
}

struct json_object *reply_attachment(const struct attachment *attachment, size_t n_observers)
{
	struct json_object *object = json_object_new_object();
	struct json_object *targets = json_object_new_array();

	if (!object || !targets) {
		json_object_put(object);
		json_object_put(targets);
		return NULL;
	}
	for (size_t i = 0; i < attachment->n_uses; i++)
		json_tree_append(targets,
				reply_target(&attachment->uses[i].tracing->source->target));
	reply_add_int(object, "id", attachment->id);
	reply_add(object, "targets", targets);
	reply_add(object, "filter", reply_filter(&attachment->filter));
	reply_add_bool(object, "persistent", !attachment->peer);
	reply_add_bool(object, "withoutBranches", attachment->without_branches);
	reply_add_int(object, "ownerUserId", attachment->owner.uid);
	reply_add_int(object, "ownerProcessId", attachment->owner.pid);
	reply_add_int(object, "since", attachment->since);
	reply_add_int(object, "observers", n_observers);
	reply_add_int(object, "events", attachment->events);
	reply_add(object, "losses", reply_losses(&attachment->losses));
	return object;
}

struct json_object *reply_failures(const struct target_list *list, bool hide)
{
	static const char *const reasons[] = {
		[TARGET_E_NO_SUCH_PROGRAM] = "noSuchProgram",
		[TARGET_E_NO_SUCH_FUNCTION] = "noSuchFunction",
		[TARGET_E_NO_SUCH_PATH] = "noSuchPath",
		[TARGET_E_NO_SUCH_PROCESS] = "noSuchProcess",
		[TARGET_E_NO_PROGRAMS] = "noPrograms",
		[TARGET_E_AMBIGUOUS] = "ambiguous",
		[TARGET_E_NO_BTF] = "noTypeInformation",
		[TARGET_E_TRACING_PROGRAM] = "tracingProgram",
		[TARGET_E_TAIL_CALL_LOOP] = "tailCallLoop",
		[TARGET_E_NO_RETURN] = "noReturn",
		[TARGET_E_DENIED] = "denied",
		[TARGET_E_NOT_TRACEABLE] = "notTraceable",
		[TARGET_E_ADDRESSES_HIDDEN] = "addressesHidden",
		[TARGET_E_PERMISSION] = "permission",
		[TARGET_E_REFUSED] = "refusedByKernel",
		[TARGET_E_GONE] = "gone",
		[TARGET_E_TOO_MANY] = "tooMany",
	};
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < list->n_failures; i++) {
		const struct target_failure *failure = &list->failures[i];
		char message[sizeof(failure->message)];
		struct json_object *object = json_object_new_object();

		reply_add_string(object, "name", failure->name);
		reply_add_string(object, "reason", reasons[failure->error]);
		reply_add_string(object, "message", hide ?
				hide_addresses(failure->message, message, sizeof(message)) :
				failure->message);
		reply_add_string(object, "hint", failure->hint);
		json_tree_append(array, object);
	}
	return array;
}

struct json_object *reply_problem(const char *message, const char *hint)
{
	struct json_object *object = json_object_new_object();

	if (object) {
		reply_add_string(object, "message", message);
		reply_add_string(object, "hint", hint);
	}
	return object;
}

struct json_object *reply_index(const struct index_status *status)
{
	static const char *const states[] = {
		[INDEX_ABSENT] = "absent",
		[INDEX_BUILDING] = "building",
		[INDEX_READY] = "ready",
		[INDEX_FAILED] = "failed",
	};
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	reply_add_string(object, "name", status->name);
	reply_add_string(object, "buildId", status->build_id);
	reply_add_string(object, "state", states[status->state]);
	if (status->state == INDEX_BUILDING)
		reply_add_int(object, "percent", status->percent);
	if (status->state == INDEX_READY)
		reply_add_int(object, "size", status->size);
	reply_add_string(object, "message", status->message);
	return object;
}
