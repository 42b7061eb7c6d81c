/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the source lines and inlined functions of one kernel or module, mapped read-only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"

/*
 * Written by lbrd-index, once per build id; position independent and the same on every machine of
 * the same byte order. Not for several threads at once.
 */
struct index;

/* More frames than compilers make of one instruction. */
#define INDEX_MAX_FRAMES 64

#define INDEX_MAX_BUILD_ID 64 /* bytes; GNU ld writes 20 */

enum index_error {
	INDEX_E_FOREIGN = 1, /* not an index at all, or empty */
	INDEX_E_VERSION, /* of another version of the format, or of the other byte order */
	INDEX_E_CORRUPT, /* truncated or changed */
	INDEX_E_BUILD_ID, /* a good index, but of something else */
};

/*
 * Maps the file and checks all that can be checked without reading it whole: magic, version, size,
 * the checksum of head and tables, and every bound. The rest is checked piece by piece when it is
 * first looked at, see index_damaged(). `build_id` NULL: any. Negative errno: the file cannot be
 * opened or mapped. Otherwise 0 or one of the above. On any failure *reterr_reason is a sentence
 * for the user (a constant, without the path); it may be NULL.
 */
int index_open(const char *path, const void *build_id, size_t build_id_length,
		struct index **ret, const char **reterr_reason);
void index_close(struct index *index);

/* Of what the index was made from. */
const void *index_build_id(const struct index *index, size_t *ret_length);

/*
 * What stands at `address`, which is an address of the index' own space: of the ELF file for a
 * kernel (see index_text_start()), or base of a section + offset for a module (see
 * index_section()). Returns the number of frames written, at most `max`; when there are more, outer
 * inlined functions are left out. Innermost first; the last one is the function itself, whose name
 * in kallsyms is to be preferred. 0: not known. File, line and column of a frame are where control
 * stands in it: the instruction for the first, the call for others. NULL or 0: not known (line 0 is
 * also what compilers write for code of no line). Strings live as long as the index. Allocates
 * nothing; blocks only when pages of the file must be read from disk.
 */
size_t index_lookup(struct index *index, uint64_t address, struct location_frame *frames,
		size_t max);

/*
 * A lookup has met a piece that is not as it was written; it answered 0, and will for every address
 * that needs the piece. The file is to be removed and built again.
 */
bool index_damaged(const struct index *index);

/* Reads all of the file and checks all of it: 0 or INDEX_E_CORRUPT. */
int index_verify(struct index *index);

/*
 * Where _stext stands in the ELF file of a kernel: `_stext of kallsyms - this` is what KASLR added
 * to every address. False: not a kernel.
 */
bool index_text_start(const struct index *index, uint64_t *ret);

/*
 * The place of a section of a relocatable object: an address at run time is `base + (address -
 * what /sys/module/NAME/sections/SECTION says)`. False: no such section, none with code, or not
 * a relocatable object.
 */
bool index_section(struct index *index, const char *name, uint64_t *ret_base, uint64_t *ret_size);

/* Size of the mapping in bytes: file pages, shared and clean. */
size_t index_size(const struct index *index);
