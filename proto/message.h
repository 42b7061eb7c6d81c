/* SPDX-License-Identifier: Apache-2.0 */
/* A message: bytes to a JSON object, strictly, and parameters to bytes. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "proto/json-writer.h"

enum message_error {
	MESSAGE_E_MALFORMED = 1, /* not JSON by RFC 8259, or not UTF-8, or bytes after the object */
	MESSAGE_E_NOT_OBJECT,
	MESSAGE_E_TOO_DEEP,
	MESSAGE_E_DUPLICATE, /* a key twice in one object */
};

/*
 * Parses `length` bytes, which a NUL byte follows (framing leaves it there). `max_depth` counts
 * nested objects and arrays, the outermost is 1. An integer that does not fit int64 becomes a
 * json_type_double, so that it is refused wherever an int is asked for, and never clamped.
 *
 * 0 with one reference in *ret; an enum message_error; -ENOMEM.
 */
int message_parse(const char *data, size_t length, unsigned int max_depth,
		  struct json_object **ret);

/* Writes the member `parameters` of a message. -ENOMEM: as json_tree_write(). */
int message_write_parameters(struct json_writer *w, struct json_object *parameters);

/* What went wrong, in words. */
const char *message_error_text(int error);
