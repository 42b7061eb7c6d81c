/* SPDX-License-Identifier: Apache-2.0 */
/* The Varlink interface language: text to a type tree, and JSON checked against it. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

/* The text of proto/io.lbrd.varlink, as it is in the file. */
extern const char proto_interface_text[];

enum interface_kind {
	INTERFACE_BOOL,
	INTERFACE_INT,
	INTERFACE_FLOAT,
	INTERFACE_STRING,
	INTERFACE_OBJECT, /* any JSON object */
	INTERFACE_ANY, /* any JSON value but null */
	INTERFACE_ENUM,
	INTERFACE_STRUCT,
	INTERFACE_ARRAY,
	INTERFACE_MAP, /* string to `element` */
	INTERFACE_NAMED, /* a `type` of the interface, in `target` */
};

struct interface_type;

struct interface_field {
	const char *name;
	const struct interface_type *type; /* NULL for the members of an enum */
};

struct interface_type {
	enum interface_kind kind;
	bool nullable;
	const char *name; /* of INTERFACE_NAMED */
	const struct interface_type *target; /* of INTERFACE_NAMED, an enum or a struct */
	const struct interface_type *element; /* of INTERFACE_ARRAY and INTERFACE_MAP */
	struct interface_field *fields; /* of INTERFACE_STRUCT and INTERFACE_ENUM */
	size_t n_fields;
};

enum interface_member_kind {
	INTERFACE_TYPE,
	INTERFACE_METHOD,
	INTERFACE_ERROR,
};

struct interface_member {
	enum interface_member_kind kind;
	const char *name;
	/* a type's body, a method's input, an error's parameters */
	const struct interface_type *type;
	const struct interface_type *output; /* of a method */
};

struct interface {
	const char *name;
	struct interface_member *members; /* in the order of the text */
	size_t n_members;
	void *memory;
};

/*
 * Parses the text of an interface. -ENOMEM; -EINVAL when the text is not well-formed, names a type
 * that is not there or anything twice: *reterr_line (may be NULL) is where.
 */
int interface_new(const char *text, struct interface **ret, unsigned int *reterr_line);
/* NULL is fine. */
void interface_free(struct interface *interface);
DEFINE_CLEANUP(struct interface *, interface_free)

/* NULL when there is none. */
const struct interface_member *interface_find(const struct interface *interface,
					      enum interface_member_kind kind, const char *name);

enum interface_error {
	INTERFACE_E_UNKNOWN = 1, /* a member that the type does not have */
	INTERFACE_E_MISSING, /* a member that must be there is absent or null */
	INTERFACE_E_TYPE, /* of another type, out of range, or not a member of the enum */
};

#define INTERFACE_PATH_MAX 256

/*
 * Checks a value against a type, null being absent. 0, or the first enum interface_error in the
 * order of the JSON (what is missing comes last) with the place in `reterr_path`: "filter.limit",
 * "targets[1].programId"; "" for the value itself; cut at the front when too long. Strings with a
 * NUL character are INTERFACE_E_TYPE: no C string can hold them.
 */
int interface_check(const struct interface_type *type, struct json_object *value,
		    char reterr_path[static INTERFACE_PATH_MAX]);
