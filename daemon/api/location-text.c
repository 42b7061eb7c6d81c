/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the members is that of io.lbrd.varlink; what is not known is left out. */
#include "daemon/api/location-text.h"

#include "common/macro.h"
#include "proto/json-writer.h"

static void write_location(struct json_writer *w, const struct location *location)
{
	json_begin_object(w);
	JSON_WRITE_KEY(w, "address");
	json_write_address(w, location->address);
	if (location->symbol) {
		JSON_WRITE_KEY(w, "symbol");
		json_write_cstring(w, location->symbol);
		JSON_WRITE_KEY(w, "offset");
		json_write_int(w, location->offset);
	}
	if (location->module) {
		JSON_WRITE_KEY(w, "module");
		json_write_cstring(w, location->module);
	}
	if (location->file) {
		JSON_WRITE_KEY(w, "file");
		json_write_cstring(w, location->file);
	}
	if (location->line) {
		JSON_WRITE_KEY(w, "line");
		json_write_int(w, location->line);
	}
	if (location->column) {
		JSON_WRITE_KEY(w, "column");
		json_write_int(w, location->column);
	}
	json_end_object(w);
}

size_t location_text_render(const struct location *location, char *buffer, size_t size)
{
	struct json_writer w = JSON_WRITER_INIT;
	const char *text;
	size_t length = 0;

	write_location(&w, location);
	if (json_writer_finish(&w, &text, &length) == 0)
		memcpy(buffer, text, MIN(length, size));
	json_writer_deinit(&w);
	return length;
}
