/* SPDX-License-Identifier: Apache-2.0 */
/* Members that are not known are skipped, and words of a newer lbrd mean nothing. */
#include "client/code-line.h"

#include <errno.h>
#include <stdlib.h>

#include "client/source-tree.h"

bool string_space_reset(struct string_space *space, size_t size)
{
	char *grown;

	space->used = 0;
	if (size <= space->size)
		return true;
	grown = realloc(space->data, size);
	if (!grown)
		return false;
	space->data = grown;
	space->size = size;
	return true;
}

void string_space_deinit(struct string_space *space)
{
	free(space->data);
	*space = (struct string_space){ 0 };
}

void string_space_read(struct string_space *space, struct json_reader *r, struct json_slice *ret)
{
	char *rest = space->data + space->used;

	*ret = (struct json_slice){ NULL, 0 };
	if (json_pass_null(r))
		return;
	if (json_read_string(r, rest, space->size - space->used, ret) && ret->data == rest)
		space->used += ret->length;
}

void code_read_number(struct json_reader *r, uint64_t *ret)
{
	int64_t value = 0;

	if (json_pass_null(r) || !json_read_int(r, &value))
		return;
	if (value < 0)
		r->error = -ERANGE;
	else
		*ret = (uint64_t)value;
}

enum code_decision code_read_decision(struct json_reader *r)
{
	struct json_slice word;

	if (json_pass_null(r) || !json_read_raw_string(r, &word))
		return DECISION_NONE;
	if (json_slice_is(&word, "taken"))
		return DECISION_TAKEN;
	return json_slice_is(&word, "notTaken") ? DECISION_NOT_TAKEN : DECISION_NONE;
}

static void read_kind(struct json_reader *r, struct code_line *line)
{
	struct json_slice word;

	if (!json_pass_null(r) && json_read_raw_string(r, &word))
		line->direct = json_slice_is(&word, "conditional") ||
			       json_slice_is(&word, "jump") || json_slice_is(&word, "call");
}

static void read_target(struct json_reader *r, struct string_space *space, struct code_line *line)
{
	struct json_slice key;

	if (json_pass_null(r))
		return;
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "address"))
			string_space_read(space, r, &line->target);
		else if (json_slice_is(&key, "symbol"))
			string_space_read(space, r, &line->symbol);
		else if (json_slice_is(&key, "module"))
			string_space_read(space, r, &line->module);
		else if (json_slice_is(&key, "offset"))
			code_read_number(r, &line->symbol_offset);
		else
			json_skip(r);
	}
}

static void read_inlined(struct json_reader *r, struct string_space *space,
			 struct code_source *source)
{
	struct json_slice key;

	if (json_pass_null(r))
		return;
	json_enter_array(r);
	while (json_next_element(r)) {
		struct json_slice function = { NULL, 0 };

		json_enter_object(r);
		while (json_next_key(r, &key)) {
			if (json_slice_is(&key, "function"))
				string_space_read(space, r, &function);
			else
				json_skip(r);
		}
		if (source->n_inlined < CODE_MAX_INLINED)
			source->inlined[source->n_inlined++] = function;
	}
}

static void read_source(struct json_reader *r, struct string_space *space, struct code_line *line)
{
	struct code_source *source = &line->source;
	struct json_slice key;

	if (json_pass_null(r))
		return;
	line->has_source = true;
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "file"))
			string_space_read(space, r, &source->file);
		else if (json_slice_is(&key, "line"))
			code_read_number(r, &source->line);
		else if (json_slice_is(&key, "column"))
			code_read_number(r, &source->column);
		else if (json_slice_is(&key, "text"))
			string_space_read(space, r, &source->text);
		else if (json_slice_is(&key, "inlined"))
			read_inlined(r, space, source);
		else
			json_skip(r);
	}
}

void code_line_read(struct json_reader *r, struct string_space *space, struct code_line *ret)
{
	struct json_slice key;

	*ret = (struct code_line){ 0 };
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "address"))
			string_space_read(space, r, &ret->address);
		else if (json_slice_is(&key, "offset"))
			code_read_number(r, &ret->offset);
		else if (json_slice_is(&key, "bytes"))
			string_space_read(space, r, &ret->bytes);
		else if (json_slice_is(&key, "text"))
			string_space_read(space, r, &ret->text);
		else if (json_slice_is(&key, "kind"))
			read_kind(r, ret);
		else if (json_slice_is(&key, "decision"))
			ret->decision = code_read_decision(r);
		else if (json_slice_is(&key, "target"))
			read_target(r, space, ret);
		else if (json_slice_is(&key, "map"))
			string_space_read(space, r, &ret->map);
		else if (json_slice_is(&key, "mapId"))
			code_read_number(r, &ret->map_id);
		else if (json_slice_is(&key, "source"))
			read_source(r, space, ret);
		else
			json_skip(r);
	}
}

void code_line_add_text(struct code_line *line, struct source_tree *tree)
{
	struct code_source *source = &line->source;

	if (line->has_source && !source->text.length)
		source_tree_find(tree, &source->file, source->line, &source->text);
}
