/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot to the bytes that every observer gets. */
#pragma once

#include "daemon/api/observation.h"
#include "daemon/symbol/symbols.h"

struct encoder;

/* Borrows `symbols`, which must have been made with location_text_render(). -ENOMEM. */
int encoder_new(struct symbols *symbols, struct encoder **ret);
void encoder_free(struct encoder *encoder);

/*
 * Names the branches of the event and makes its message of that view, unless it has been made
 * already: observation->frames[view]. -ENOMEM.
 */
int encoder_encode(struct encoder *encoder, struct observation *observation, enum view view);
