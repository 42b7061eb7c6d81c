/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as PathStep objects of io.lbrd.varlink; each run is rendered once and then copied. */
#pragma once

#include "daemon/symbol/path.h"
#include "proto/json-writer.h"

/* A path_render_fn: the members that tell of the run. Returns 0, no text, when out of memory. */
size_t path_text_render(const struct path_run *run, enum path_detail detail, char *buffer,
		size_t size);

/* The array of steps; `hide`: of a path that was built with PATH_WITHOUT_ADDRESSES. */
void path_text_write(struct json_writer *w, const struct path *path, bool hide);
