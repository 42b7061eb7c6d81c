/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arrays grow while they are read, so steps hold indices. Members that are not known are
 * skipped, and words of a newer lbrd mean nothing rather than something wrong.
 */
#include "client/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

/* Deeper calls than any kernel stack holds: an indentation of more would be nothing but blanks. */
#define MAX_DEPTH 64u

void path_deinit(struct path *path)
{
	free(path->steps);
	free(path->lines);
	string_space_deinit(&path->strings);
	*path = (struct path){ 0 };
}

/* Room for one more behind `n`. False: no memory, which the reader is told. */
static bool reserve(struct json_reader *r, void **array, size_t n, size_t size, size_t *room)
{
	size_t wanted = MAX(2 * *room, (size_t)64);
	void *grown;

	if (n < *room)
		return true;
	grown = reallocarray(*array, wanted, size);
	if (!grown) {
		r->error = -ENOMEM;
		return false;
	}
	*array = grown;
	*room = wanted;
	return true;
}

static void read_decisions(struct json_reader *r, struct path_decisions *decisions)
{
	if (json_pass_null(r))
		return;
	json_enter_array(r);
	while (json_next_element(r)) {
		enum code_decision decision = code_read_decision(r);

		if (decision == DECISION_NONE || decisions->n == PATH_MAX_DECISIONS)
			continue;
		decisions->taken |= (uint64_t)(decision == DECISION_TAKEN) << decisions->n++;
	}
}

static void read_line(struct path *path, struct json_reader *r, struct path_line *line)
{
	struct json_slice key;

	*line = (struct path_line){ 0 };
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "file"))
			string_space_read(&path->strings, r, &line->file);
		else if (json_slice_is(&key, "text"))
			string_space_read(&path->strings, r, &line->text);
		else if (json_slice_is(&key, "function"))
			string_space_read(&path->strings, r, &line->function);
		else if (json_slice_is(&key, "line"))
			code_read_number(r, &line->line);
		else if (json_slice_is(&key, "column"))
			code_read_number(r, &line->column);
		else if (json_slice_is(&key, "offset"))
			code_read_number(r, &line->offset);
		else if (json_slice_is(&key, "decisions"))
			read_decisions(r, &line->decisions);
		else
			json_skip(r);
	}
}

static void read_lines(struct path *path, struct json_reader *r, struct path_step *step)
{
	if (json_pass_null(r))
		return;
	step->first_line = path->n_lines;
	json_enter_array(r);
	while (json_next_element(r)) {
		if (!reserve(r, (void **)&path->lines, path->n_lines, sizeof(*path->lines),
			     &path->room_lines))
			return;
		read_line(path, r, &path->lines[path->n_lines++]);
	}
	step->n_lines = path->n_lines - step->first_line;
}

/* They are taken apart when they are rendered, unless they were before. */
static void read_instructions(struct path *path, struct json_reader *r, struct path_step *step)
{
	const char *begin = r->position;

	if (json_pass_null(r))
		return;
	path->has_instructions = true;
	step->remembered = memo_find(path->runs, begin, (size_t)(r->end - begin));
	if (!step->remembered) {
		json_read_raw(r, &step->instructions);
		return;
	}
	step->instructions = (struct json_slice){ begin, step->remembered->length };
	json_pass(r, step->instructions.length);
}

static void read_end(struct json_reader *r, enum path_end *ret)
{
	static const char *const words[] = {
		[PATH_END_CONDITIONAL] = "conditional", [PATH_END_JUMP] = "jump",
		[PATH_END_CALL] = "call",		[PATH_END_RETURN] = "return",
		[PATH_END_INTERRUPT] = "interrupt",
	};
	struct json_slice word;

	if (json_pass_null(r) || !json_read_raw_string(r, &word))
		return;
	for (size_t i = PATH_END_CONDITIONAL; i < ARRAY_SIZE(words); i++)
		if (json_slice_equal(&word, words[i], strlen(words[i])))
			*ret = (enum path_end)i;
}

static void read_step_member(struct path *path, struct json_reader *r,
			     const struct json_slice *key, struct path_step *step)
{
	uint64_t number = UINT64_MAX;

	if (json_slice_is(key, "depth")) {
		code_read_number(r, &number);
		step->depth = (unsigned int)MIN(number, (uint64_t)MAX_DEPTH);
	} else if (json_slice_is(key, "branch")) {
		code_read_number(r, &number);
		step->branch = number < 1000 ? (int)number : -1;
	} else if (json_slice_is(key, "end")) {
		read_end(r, &step->end);
	} else if (json_slice_is(key, "symbol")) {
		string_space_read(&path->strings, r, &step->symbol);
	} else if (json_slice_is(key, "module")) {
		string_space_read(&path->strings, r, &step->module);
	} else if (json_slice_is(key, "from")) {
		string_space_read(&path->strings, r, &step->from);
	} else if (json_slice_is(key, "gap")) {
		string_space_read(&path->strings, r, &step->gap);
	} else if (json_slice_is(key, "gapText")) {
		string_space_read(&path->strings, r, &step->gap_text);
	} else if (json_slice_is(key, "lines")) {
		read_lines(path, r, step);
	} else if (json_slice_is(key, "instructions")) {
		read_instructions(path, r, step);
	} else {
		json_skip(r);
	}
}

int path_read(struct path *path, const struct json_slice *text)
{
	struct json_slice key;
	struct json_reader r;

	path->n_steps = path->n_lines = 0;
	path->has_instructions = false;
	/* What is unescaped is never longer than it was. */
	if (!string_space_reset(&path->strings, text->length))
		return -ENOMEM;
	json_reader_init(&r, text->data, text->length);
	json_enter_array(&r);
	while (json_next_element(&r)) {
		struct path_step *step;

		if (!reserve(&r, (void **)&path->steps, path->n_steps, sizeof(*path->steps),
			     &path->room_steps))
			break;
		step = &path->steps[path->n_steps++];
		*step = (struct path_step){ .branch = -1, .from = { "?", 1 } };
		json_enter_object(&r);
		while (json_next_key(&r, &key))
			read_step_member(path, &r, &key, step);
	}
	return json_finish(&r);
}
