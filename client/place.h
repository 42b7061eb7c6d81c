/* SPDX-License-Identifier: Apache-2.0 */
/* Locations as they came in the stream, each rendered once and found again by its bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/terminal.h"
#include "proto/json-reader.h"

/* The members of a Location of io.lbrd, strings unescaped; a slice without data is absent. */
struct place_facts {
	struct json_slice address;
	struct json_slice symbol;
	struct json_slice module;
	struct json_slice file;
	bool has_offset;
	uint64_t offset;
	uint64_t line; /* 0: not known */
};

/* Ready to be written: with escape sequences when there is colour, `width` counts columns only. */
struct label {
	const char *text;
	uint32_t length;
	uint32_t width;
};

/* From the most to the least spacious. */
enum place_detail {
	PLACE_PATH, /* the path of the source file as it came, relative to the working directory */
	PLACE_BASENAME, /* only the last component of it */
	PLACE_DETAILS,
};

struct place;
struct places;

/* `terminal` must outlive it; its colour and characters must not change. -ENOMEM. */
int places_new(const struct terminal *terminal, struct places **ret);
void places_free(struct places *places);

/*
 * The place whose object starts at `at`, if it came before: *ret_length is the length of the
 * object. NULL: not known. Looks at no more than `size` bytes.
 */
struct place *places_find(struct places *places, const char *at, size_t size, size_t *ret_length);

/* Remembers the object `raw`, which means `facts`; both are copied. NULL: out of memory. */
struct place *places_add(struct places *places, struct json_slice raw,
			 const struct place_facts *facts);

/* Forgets everything once too much is held. To be called while no place is in use. */
void places_trim(struct places *places);

/* Two places of one function have the same number; 0: not in a known function. */
uint64_t place_function(const struct place *place);

const struct label *place_label(const struct place *place, enum place_detail detail);

/* The label shortened to `width` columns: names and paths lose their start. NULL: out of memory. */
const struct label *place_label_within(struct places *places, struct place *place,
				       unsigned int width);
