/* SPDX-License-Identifier: Apache-2.0 */
/* Reading anew what code is there, when reports are missing. */
#pragma once

#include <stdint.h>

#include "daemon/symbol/code.h"

/*
 * Reads the programs that are not known yet; `time`: since when they may be there. Where nobody
 * reports, those that are gone are ended as well.
 */
void rescan_programs(struct code *code, uint64_t time);

/*
 * Reads all images and programs: what came since code->known_until is added from that moment on,
 * what is there no more ends at `now`.
 */
void rescan_images(struct code *code, uint64_t now);

/* A kallsyms_image_fn that adds what it is told of to the images of the code. */
int rescan_image_found(uint64_t start, const char *name, const char *module, void *userdata);

/* Something is there that was not: an address without a name may have one now. */
void code_note_arrival(struct code *code);
