/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the members is that of io.lbrd.varlink; what is not known is left out. */
#include "daemon/api/location-text.h"

#include <string.h>

#include "common/macro.h"

#define MEMBER_STRING(w, name, value) \
	((value) ? (JSON_WRITE_KEY(w, name), json_write_cstring(w, value)) : (void)0)
#define MEMBER_NUMBER(w, name, value) \
	((value) ? (JSON_WRITE_KEY(w, name), json_write_int(w, value)) : (void)0)

static void write_inlined(struct json_writer *w, const struct location_frame *frames, size_t n)
{
	JSON_WRITE_KEY(w, "inlined");
	json_begin_array(w);
	for (size_t i = 0; i < n; i++) {
		json_begin_object(w);
		MEMBER_STRING(w, "function", frames[i].function);
		MEMBER_STRING(w, "file", frames[i].file);
		MEMBER_NUMBER(w, "line", frames[i].line);
		MEMBER_NUMBER(w, "column", frames[i].column);
		json_end_object(w);
	}
	json_end_array(w);
}

void location_text_write(struct json_writer *w, const struct location *location, bool hide)
{
	if (location->text_length && !hide) {
		json_write_raw(w, location->text, location->text_length);
		return;
	}
	json_begin_object(w);
	if (!hide) {
		JSON_WRITE_KEY(w, "address");
		json_write_address(w, location->address);
	}
	MEMBER_STRING(w, "symbol", location->symbol);
	if (location->symbol) {
		JSON_WRITE_KEY(w, "offset");
		json_write_int(w, location->offset);
	}
	MEMBER_STRING(w, "module", location->module);
	MEMBER_STRING(w, "file", location->file);
	MEMBER_NUMBER(w, "line", location->line);
	MEMBER_NUMBER(w, "column", location->column);
	if (location->n_frames)
		write_inlined(w, location->frames, location->n_frames);
	json_end_object(w);
}

size_t location_text_render(const struct location *location, char *buffer, size_t size)
{
	struct json_writer w = JSON_WRITER_INIT;
	const char *text;
	size_t length = 0;

	location_text_write(&w, location, false);
	if (json_writer_finish(&w, &text, &length) == 0)
		memcpy(buffer, text, MIN(length, size));
	json_writer_deinit(&w);
	return length;
}

const char *location_text_behind_address(const struct location *location, size_t *ret_length)
{
	const char *end = location->text + location->text_length;
	/* An address has no comma, and is followed by one unless it is all there is. */
	const char *comma = memchr(location->text, ',', location->text_length);
	const char *rest = comma ? comma + 1 : end - 1;

	*ret_length = end - rest;
	return rest;
}
