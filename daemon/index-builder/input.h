/* SPDX-License-Identifier: Apache-2.0 */
/* The object file that an index is made from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <elfutils/libdwfl.h>

#include "daemon/symbol/index.h"

struct build_id {
	uint8_t bytes[INDEX_MAX_BUILD_ID];
	size_t length; /* 0: none */
};

struct input_section {
	char *name;
	uint64_t start;
	uint64_t size;
};

struct input {
	Dwarf *dwarf;
	bool relocatable;
	bool has_text_start;
	uint64_t text_start;
	struct build_id build_id;
	struct input_section *sections; /* with code, ascending */
	size_t n_sections;

	/* What `dwarf` stands on. */
	int fd;
	Elf *elf;
	Dwfl *dwfl;
};

/*
 * Opens an object file, compressed as a whole or in parts, that has debug information. A path
 * "/proc/self/fd/N" means that descriptor, whoever may open its file. When `build_id` is given, the
 * file must have that one. Says why on standard error and returns false when it does not fit; ends
 * the process when memory runs out.
 */
bool input_open(struct input *input, const char *path, const struct build_id *build_id);
void input_close(struct input *input);

/* The build id of an object file, whether it has debug information or not. False as above. */
bool input_read_build_id(const char *path, struct build_id *ret);
