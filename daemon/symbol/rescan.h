/* SPDX-License-Identifier: Apache-2.0 */
/* Reading anew what code is there, when reports are missing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/symbol/code.h"

/*
 * Reads the programs that are not known yet; `time`: since when they may be there. Where nobody
 * reports, those that are gone are ended as well.
 */
void rescan_programs(struct code *code, uint64_t time);

/*
 * Reports are missing: finds the programs that came or went since code->known_until at once, and
 * begins to read all images, for which it sets code->rescan. Called again before that is done, it
 * begins anew.
 */
void rescan_begin(struct code *code);

/*
 * Reads on, for less than a millisecond. True: there is more to read. False: what came since
 * code->known_until was added from that moment on, what is there no more was ended now, and
 * code->rescan is NULL. Reports must have been taken in before.
 */
bool rescan_go_on(struct code *code);

void rescan_free(struct rescan *rescan);

/* A kallsyms_image_fn that adds what it is told of to the images of the code. */
int rescan_image_found(uint64_t start, const char *name, const char *module, void *userdata);

/* Something is there that was not: an address without a name may have one now. */
void code_note_arrival(struct code *code);
