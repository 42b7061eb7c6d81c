/* SPDX-License-Identifier: Apache-2.0 */
/* One wording for streams, tables and progress. */
#include "client/attachment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/context.h"
#include "client/fields.h"
#include "client/refusal.h"
#include "common/macro.h"

void attachment_format_target(struct json_object *target, char *buffer, size_t size)
{
	const char *name = get_string(target, "name"), *module = get_string(target, "module");
	const char *entry = strcmp(get_string(target, "mode"), "entry") ? "" : " at entry";

	if (has_field(target, "programId"))
		snprintf(buffer, size, "%s (prog %" PRId64 ")%s", name,
			 get_int(target, "programId"), entry);
	else if (*module)
		snprintf(buffer, size, "%s [%s]%s", name, module, entry);
	else
		snprintf(buffer, size, "%s%s", name, entry);
}

void attachment_tell(struct json_object *attachment, struct json_object *failures)
{
	struct json_object *targets = get_array(attachment, "targets");
	int64_t id = get_int(attachment, "id");
	char text[512];

	for (size_t i = 0; i < get_length(targets); i++) {
		attachment_format_target(json_object_array_get_idx(targets, i), text, sizeof(text));
		tell("attached #%" PRId64 ": %s", id, text);
	}
	if (get_bool(attachment, "withoutBranches"))
		tell("this machine has no branch records: events come without branches");
	if (get_length(failures))
		complain("%zu of %zu targets could not be attached:", get_length(failures),
			 get_length(failures) + get_length(targets));
	refusal_tell_failures(failures);
}

const char *attachment_end_text(const char *reason)
{
	static const struct {
		const char *reason, *text;
	} texts[] = {
		{ "detached", "it was detached" },
		{ "limit", "its limit of events is reached" },
		{ "ownerGone", "whoever attached it is gone" },
		{ "targetsGone", "its targets were unloaded" },
		{ "shutdown", "lbrd shuts down" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(reason, texts[i].reason))
			return texts[i].text;
	return reason;
}
