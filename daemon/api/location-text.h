/* SPDX-License-Identifier: Apache-2.0 */
/* A location as a Location object of io.lbrd.varlink, rendered once and then copied. */
#pragma once

#include "daemon/symbol/symbols.h"
#include "proto/json-writer.h"

/* A location_render_fn. Returns 0, no text, when out of memory. */
size_t location_text_render(const struct location *location, char *buffer, size_t size);

void location_text_write(struct json_writer *w, const struct location *location);
