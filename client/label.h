/* SPDX-License-Identifier: Apache-2.0 */
/* A location as a piece of text: as wide as it is, or shortened to some columns. */
#pragma once

#include <stdint.h>

#include "client/terminal.h"
#include "proto/json-reader.h"

/* Sanitized; a part without data is absent. */
struct label_parts {
	struct json_slice name; /* symbol or address */
	struct json_slice offset; /* "+0x12" */
	struct json_slice module;
	struct json_slice inlined; /* function that file and line are in */
	struct json_slice file;
	struct json_slice line; /* ":12" */
};

/* Ready to be written: with escape sequences when there is colour, `width` counts columns only. */
struct label {
	char *text; /* owned */
	uint32_t length;
	uint32_t width;
};

#define LABEL_UNLIMITED UINT32_MAX

/*
 * "name+0x12 [module] [inlined callee] (file:12)", at most `width` columns wide: "[inlined callee]"
 * becomes ">callee", names and paths lose their start, then the path, the line, the callee and the
 * module are left out. The name stands first and without a style of its own, so that what comes
 * before may set one; it ends there. -ENOMEM.
 */
int label_compose(const struct terminal *terminal, const struct label_parts *parts,
		  unsigned int width, struct label *ret);
