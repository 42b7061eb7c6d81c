/* SPDX-License-Identifier: Apache-2.0 */
/* A location as a Location object of io.lbrd.varlink, rendered once and then copied. */
#pragma once

#include <stdbool.h>

#include "daemon/symbol/symbols.h"
#include "proto/json-writer.h"

/* A location_render_fn. Returns 0, no text, when out of memory. */
size_t location_text_render(const struct location *location, char *buffer, size_t size);

/* The object itself; `hide`: without its address. */
void location_text_write(struct json_writer *w, const struct location *location, bool hide);

/*
 * Of the text what is behind the address and its comma, with the closing brace. A location of
 * which nothing else is known gives just that.
 */
const char *location_text_behind_address(const struct location *location, size_t *ret_length);
