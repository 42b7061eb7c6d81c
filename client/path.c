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
	free(path->instructions);
	free(path->strings);
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

static bool pass_null(struct json_reader *r)
{
	return json_peek(r) == JSON_KIND_NULL && json_read_null(r);
}

static void read_string(struct path *path, struct json_reader *r, struct json_slice *ret)
{
	char *free_space = path->strings + path->strings_used;

	*ret = (struct json_slice){ NULL, 0 };
	if (pass_null(r))
		return;
	if (json_read_string(r, free_space, path->strings_size - path->strings_used, ret) &&
	    ret->data == free_space)
		path->strings_used += ret->length;
}

static void read_number(struct json_reader *r, uint64_t *ret)
{
	int64_t value = 0;

	if (pass_null(r) || !json_read_int(r, &value))
		return;
	if (value < 0)
		r->error = -ERANGE;
	else
		*ret = (uint64_t)value;
}

static void read_decision(struct json_reader *r, struct path_decisions *decisions)
{
	struct json_slice word;
	bool taken;

	if (pass_null(r) || !json_read_raw_string(r, &word))
		return;
	taken = json_slice_is(&word, "taken");
	if (decisions->n == PATH_MAX_DECISIONS || (!taken && !json_slice_is(&word, "notTaken")))
		return;
	decisions->taken |= (uint64_t)taken << decisions->n++;
}

static void read_decisions(struct json_reader *r, struct path_decisions *decisions)
{
	if (pass_null(r))
		return;
	json_enter_array(r);
	while (json_next_element(r))
		read_decision(r, decisions);
}

static void read_line(struct path *path, struct json_reader *r, struct path_line *line)
{
	struct json_slice key;

	*line = (struct path_line){ 0 };
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "file"))
			read_string(path, r, &line->file);
		else if (json_slice_is(&key, "text"))
			read_string(path, r, &line->text);
		else if (json_slice_is(&key, "function"))
			read_string(path, r, &line->function);
		else if (json_slice_is(&key, "line"))
			read_number(r, &line->line);
		else if (json_slice_is(&key, "column"))
			read_number(r, &line->column);
		else if (json_slice_is(&key, "offset"))
			read_number(r, &line->offset);
		else if (json_slice_is(&key, "decisions"))
			read_decisions(r, &line->decisions);
		else
			json_skip(r);
	}
}

static void read_instruction(struct path *path, struct json_reader *r,
			     struct path_instruction *instruction)
{
	struct json_slice key;

	*instruction = (struct path_instruction){ 0 };
	json_enter_object(r);
	while (json_next_key(r, &key)) {
		if (json_slice_is(&key, "address")) {
			read_string(path, r, &instruction->address);
		} else if (json_slice_is(&key, "offset")) {
			read_number(r, &instruction->offset);
		} else if (json_slice_is(&key, "bytes")) {
			read_string(path, r, &instruction->bytes);
		} else if (json_slice_is(&key, "text")) {
			read_string(path, r, &instruction->text);
		} else if (json_slice_is(&key, "target")) {
			read_string(path, r, &instruction->target);
		} else if (json_slice_is(&key, "decision")) {
			read_decision(r, &instruction->decision);
		} else if (json_slice_is(&key, "source")) {
			instruction->has_source = !pass_null(r);
			if (instruction->has_source)
				read_line(path, r, &instruction->source);
		} else {
			json_skip(r);
		}
	}
}

static void read_lines(struct path *path, struct json_reader *r, struct path_step *step)
{
	if (pass_null(r))
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

static void read_instructions(struct path *path, struct json_reader *r, struct path_step *step)
{
	if (pass_null(r))
		return;
	step->first_instruction = path->n_instructions;
	json_enter_array(r);
	while (json_next_element(r)) {
		if (!reserve(r, (void **)&path->instructions, path->n_instructions,
			     sizeof(*path->instructions), &path->room_instructions))
			return;
		read_instruction(path, r, &path->instructions[path->n_instructions++]);
	}
	step->n_instructions = path->n_instructions - step->first_instruction;
}

static void read_end(struct json_reader *r, enum path_end *ret)
{
	static const char *const words[] = {
		[PATH_END_CONDITIONAL] = "conditional", [PATH_END_JUMP] = "jump",
		[PATH_END_CALL] = "call",		[PATH_END_RETURN] = "return",
		[PATH_END_INTERRUPT] = "interrupt",
	};
	struct json_slice word;

	if (pass_null(r) || !json_read_raw_string(r, &word))
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
		read_number(r, &number);
		step->depth = (unsigned int)MIN(number, (uint64_t)MAX_DEPTH);
	} else if (json_slice_is(key, "branch")) {
		read_number(r, &number);
		step->branch = number < 1000 ? (int)number : -1;
	} else if (json_slice_is(key, "end")) {
		read_end(r, &step->end);
	} else if (json_slice_is(key, "symbol")) {
		read_string(path, r, &step->symbol);
	} else if (json_slice_is(key, "module")) {
		read_string(path, r, &step->module);
	} else if (json_slice_is(key, "from")) {
		read_string(path, r, &step->from);
	} else if (json_slice_is(key, "gap")) {
		read_string(path, r, &step->gap);
	} else if (json_slice_is(key, "gapText")) {
		read_string(path, r, &step->gap_text);
	} else if (json_slice_is(key, "lines")) {
		read_lines(path, r, step);
	} else if (json_slice_is(key, "instructions")) {
		read_instructions(path, r, step);
	} else {
		json_skip(r);
	}
}

static bool make_strings(struct path *path, size_t size)
{
	char *grown;

	path->strings_used = 0;
	if (size <= path->strings_size)
		return true;
	grown = realloc(path->strings, size);
	if (!grown)
		return false;
	path->strings = grown;
	path->strings_size = size;
	return true;
}

int path_read(struct path *path, const struct json_slice *text)
{
	struct json_slice key;
	struct json_reader r;

	path->n_steps = path->n_lines = path->n_instructions = 0;
	/* What is unescaped is never longer than it was. */
	if (!make_strings(path, text->length))
		return -ENOMEM;
	json_reader_init(&r, text->data, text->length);
	json_enter_array(&r);
	while (json_next_element(&r)) {
		struct path_step *step;

		if (!reserve(&r, (void **)&path->steps, path->n_steps, sizeof(*path->steps),
			     &path->room_steps))
			break;
		step = &path->steps[path->n_steps++];
		*step = (struct path_step){ .branch = -1 };
		json_enter_object(&r);
		while (json_next_key(&r, &key))
			read_step_member(path, &r, &key, step);
	}
	return json_finish(&r);
}
