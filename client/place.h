/* SPDX-License-Identifier: Apache-2.0 */
/* Locations as they came in the stream, each rendered once and found again by its bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/label.h"

/* The members of a Location of io.lbrd, strings unescaped; a slice without data is absent. */
struct place_facts {
	struct json_slice address;
	struct json_slice symbol;
	struct json_slice module;
	struct json_slice inlined; /* the innermost inlined function: file and line are its */
	struct json_slice file;
	bool has_offset;
	uint64_t offset;
	uint64_t line; /* 0: not known */
};

/* From the most to the least spacious. */
enum place_detail {
	PLACE_PATH, /* the path of the source file, relative to the working directory if below it */
	PLACE_BASENAME, /* only its last component */
	PLACE_DETAILS,
};

struct place {
	/* Two places of one function have the same number; 0: not in a known function. */
	uint64_t function;
	struct label labels[PLACE_DETAILS];
};

struct places;

/* `terminal` must outlive it; its colour and characters must not change. -ENOMEM. */
int places_new(const struct terminal *terminal, struct places **ret);
void places_free(struct places *places);

/*
 * The place whose object starts at `at`, if it came before: *ret_length is the length of the
 * object. NULL: not known. Looks at no more than `size` bytes. Valid until places_forget().
 */
struct place *places_find(struct places *places, const char *at, size_t size, size_t *ret_length);

/*
 * Remembers the object `raw`, which means `facts`; both are copied. `size` bytes are readable from
 * its start, as in places_find(). NULL: out of memory.
 */
struct place *places_add(struct places *places, struct json_slice raw, size_t size,
			 const struct place_facts *facts);

size_t places_count(const struct places *places);
void places_forget(struct places *places);

/* The label in at most `width` columns. Valid until asked with another width. NULL: no memory. */
const struct label *place_label_within(const struct places *places, struct place *place,
				       unsigned int width);
