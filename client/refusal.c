/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lbrd sends most of the words itself, for it knows the reason; here stand those for the errors
 * that carry only facts, and for errors of Varlink, which lbrctl should never provoke.
 */
#include "client/refusal.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "client/fields.h"
#include "client/user.h"
#include "common/macro.h"

static void hint_of(struct json_object *parameters)
{
	const char *text = get_string(parameters, "hint");

	if (*text)
		hint("%s", text);
}

static void explain_message(struct json_object *parameters)
{
	complain("%s", get_string(parameters, "message"));
	hint_of(parameters);
}

void refusal_tell_failures(struct json_object *failures)
{
	size_t n = get_length(failures);
	const char *last = "";

	for (size_t i = 0; i < n; i++) {
		struct json_object *failure = json_object_array_get_idx(failures, i);
		struct json_object *following =
			i + 1 < n ? json_object_array_get_idx(failures, i + 1) : NULL;

		last = get_string(failure, "hint");
		complain("%s", get_string(failure, "message")); /* which names the target */
		/* The same advice for several targets in a row is given once. */
		if (*last && strcmp(last, get_string(following, "hint")))
			hint("%s", last);
	}
}

static void explain_targets(struct json_object *parameters)
{
	struct json_object *failures = get_array(parameters, "failures");
	size_t n = get_length(failures);

	if (n > 1)
		complain("nothing was attached, for %zu targets cannot be:", n);
	refusal_tell_failures(failures);
	if (n > 1)
		hint("--partial attaches what can be attached");
}

static void explain_no_branches(struct json_object *parameters)
{
	explain_message(parameters);
	hint("--no-branches shows everything but the branches");
}

static void explain_no_attachment(struct json_object *parameters)
{
	complain("there is no attachment #%" PRId64, get_int(parameters, "attachment"));
	hint_of(parameters);
}

static void explain_not_owner(struct json_object *parameters)
{
	char owner[64];

	user_name(get_int(parameters, "ownerUserId"), owner, sizeof(owner));
	complain("attachment #%" PRId64 " belongs to %s", get_int(parameters, "attachment"), owner);
	hint_of(parameters);
}

static void explain_limit(struct json_object *parameters)
{
	complain("lbrd has reached its limit '%s', which is %" PRId64,
		 get_string(parameters, "name"), get_int(parameters, "value"));
	hint_of(parameters);
}

static void explain_permission(struct json_object *parameters)
{
	if (has_field(parameters, "message")) {
		explain_message(parameters);
		return;
	}
	complain("lbrd does not let you do this");
	hint("use sudo, or ask who runs this machine");
}

static void explain_parameter(struct json_object *parameters)
{
	complain("lbrd does not accept '%s' as lbrctl " LBRD_VERSION " sends it",
		 get_string(parameters, "parameter"));
	hint("'lbrctl status' tells the version of lbrd");
}

static void explain_method(struct json_object *parameters)
{
	const char *method = get_string(parameters, "method");

	complain("what listens there does not know '%s'",
		 *method ? method : get_string(parameters, "interface"));
	hint("it is an lbrd of another version than lbrctl " LBRD_VERSION ", or no lbrd at all");
}

static const struct {
	const char *name;
	void (*explain)(struct json_object *parameters);
} explanations[] = {
	{ "io.lbrd.TargetsRefused", explain_targets },
	{ "io.lbrd.BranchRecordsUnavailable", explain_no_branches },
	{ "io.lbrd.TracingUnavailable", explain_message },
	{ "io.lbrd.CodeUnavailable", explain_message },
	{ "io.lbrd.NoSuchAttachment", explain_no_attachment },
	{ "io.lbrd.NotOwner", explain_not_owner },
	{ "io.lbrd.LimitReached", explain_limit },
	{ "io.lbrd.Internal", explain_message },
	{ "org.varlink.service.PermissionDenied", explain_permission },
	{ "org.varlink.service.InvalidParameter", explain_parameter },
	{ "org.varlink.service.MethodNotFound", explain_method },
	{ "org.varlink.service.MethodNotImplemented", explain_method },
	{ "org.varlink.service.InterfaceNotFound", explain_method },
};

void refusal_explain(const char *name,
		     struct json_object *parameters)
{
	for (size_t i = 0; i < ARRAY_SIZE(explanations); i++) {
		if (!strcmp(name, explanations[i].name)) {
			explanations[i].explain(parameters);
			return;
		}
	}
	complain("lbrd answered with the error %s", name);
	hint("lbrctl " LBRD_VERSION " does not know it; --json shows all of it");
}
