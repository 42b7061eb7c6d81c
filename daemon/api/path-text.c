/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the members is that of io.lbrd.varlink; what is not known is left out. What depends
 * on the event stands before what is rendered once: depth, branch, end.
 */
#include "daemon/api/path-text.h"

#include <stdio.h>

#include "common/macro.h"
#include "daemon/api/instruction-text.h"
#include "daemon/symbol/code-image.h"

#define MEMBER_INT(w, name, value) (JSON_WRITE_KEY(w, name), json_write_int(w, value))
#define MEMBER_STRING(w, name, value) (JSON_WRITE_KEY(w, name), json_write_cstring(w, value))
#define MEMBER_ADDRESS(w, name, value) (JSON_WRITE_KEY(w, name), json_write_address(w, value))

static const char *const ends[N_PATH_ENDS] = {
	[PATH_END_CONDITIONAL] = "conditional",
	[PATH_END_JUMP] = "jump",
	[PATH_END_CALL] = "call",
	[PATH_END_RETURN] = "return",
	[PATH_END_INTERRUPT] = "interrupt",
};

static const struct {
	const char *name;
	const char *text;
} gaps[N_PATH_GAPS] = {
	[PATH_TRUNCATED] = {"truncated", "the record begins here"},
	[PATH_TRIMMED] = {"trimmed", "the tracer's own branches"},
	[PATH_INTERRUPT] = {"interrupt", "interrupted"},
	[PATH_NO_CODE] = {"noCode", "the code cannot be read"},
	[PATH_CHANGED] = {"changed", "the code has changed since it ran"},
	[PATH_BROKEN] = {"broken", "branches are missing in the record"},
	[PATH_TOO_LONG] = {"tooLong", "more instructions without a branch than the limit 'run'"},
};

/* One run may pass through symbols that lie end to end: all count from the first. */
static uint64_t offset_of(const struct path_run *run, uint64_t address)
{
	return run->start.offset + (address - run->start.address);
}

static void write_place(struct json_writer *w, const struct path_run *run, uint64_t address,
		bool hide)
{
	if (!hide)
		MEMBER_ADDRESS(w, "address", address);
	if (run->start.symbol)
		MEMBER_INT(w, "offset", offset_of(run, address));
}

static void write_source(struct json_writer *w, const struct path_line *line)
{
	if (line->function)
		MEMBER_STRING(w, "function", line->function);
	if (!line->file)
		return;
	MEMBER_STRING(w, "file", line->file);
	if (line->line)
		MEMBER_INT(w, "line", line->line);
	if (line->column)
		MEMBER_INT(w, "column", line->column);
	source_text_write(w, line->text);
}

static void write_decisions(struct json_writer *w, const struct path_run *run, size_t first,
		size_t end)
{
	bool any = false;

	for (size_t i = first; i < end; i++) {
		enum path_decision decision = run->instructions[i].decision;

		if (decision == PATH_NO_DECISION)
			continue;
		if (!any) {
			JSON_WRITE_KEY(w, "decisions");
			json_begin_array(w);
		}
		any = true;
		json_write_cstring(w, decision_word(decision));
	}
	if (any)
		json_end_array(w);
}

static void write_lines(struct json_writer *w, const struct path_run *run, bool hide)
{
	JSON_WRITE_KEY(w, "lines");
	json_begin_array(w);
	for (size_t i = 0; i < run->n_lines; i++) {
		const struct path_line *line = &run->lines[i];
		size_t end = i + 1 < run->n_lines ? run->lines[i + 1].first : run->n_instructions;

		json_begin_object(w);
		write_place(w, run, run->instructions[line->first].decoded.address, hide);
		write_source(w, line);
		write_decisions(w, run, line->first, end);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_instruction(struct json_writer *w, const struct path_run *run, size_t i,
		bool hide)
{
	const struct path_instruction *instruction = &run->instructions[i];
	const struct path_line *line = &run->lines[instruction->line];
	const struct instruction *decoded = &instruction->decoded;
	const struct source_line source = {
		.file = line->file,
		.text = line->text,
		.line = line->line,
		.column = line->column,
		.frames = line->n_frames ? run->frames + line->frame : NULL,
		.n_frames = line->n_frames,
	};

	instruction_text_write(w, &(struct instruction_text){
		.address = decoded->address,
		.offset = offset_of(run, decoded->address),
		.bytes = instruction->bytes,
		.n_bytes = decoded->length,
		.text = decoded->text,
		.kind = decoded->kind,
		.decision = instruction->decision,
		.target = instruction->target.address && !instruction->map ?
			&instruction->target : NULL,
		.map = instruction->map,
		.source = line->first == i && line->file ? &source : NULL,
		.hide = hide,
	});
}

static void write_instructions(struct json_writer *w, const struct path_run *run, bool hide)
{
	JSON_WRITE_KEY(w, "instructions");
	json_begin_array(w);
	for (size_t i = 0; i < run->n_instructions; i++)
		write_instruction(w, run, i, hide);
	json_end_array(w);
}

static void write_symbol(struct json_writer *w, const struct location *location)
{
	if (location->symbol)
		MEMBER_STRING(w, "symbol", location->symbol);
	if (location->module)
		MEMBER_STRING(w, "module", location->module);
}

size_t path_text_render(const struct path_run *run, enum path_detail detail, char *buffer,
		size_t size)
{
	struct json_writer w = JSON_WRITER_INIT;
	bool hide = detail & PATH_WITHOUT_ADDRESSES;
	size_t n = run->n_instructions;
	const char *text;
	size_t length = 0;

	/* Members without their braces: rendered as an object, which is then taken off. */
	json_begin_object(&w);
	write_symbol(&w, &run->start);
	if (!hide) {
		MEMBER_ADDRESS(&w, "from", run->from);
		MEMBER_ADDRESS(&w, "to",
				n ? run->instructions[n - 1].decoded.address : run->to);
	}
	if ((detail & ~PATH_WITHOUT_ADDRESSES) == PATH_SOURCE)
		write_lines(&w, run, hide);
	else
		write_instructions(&w, run, hide);
	json_end_object(&w);
	if (json_writer_finish(&w, &text, &length) == 0) {
		length -= 2;
		memcpy(buffer, text + 1, MIN(length, size));
	}
	json_writer_deinit(&w);
	return length;
}

static void write_gap_text(struct json_writer *w, const struct path_step *step)
{
	char text[96];

	JSON_WRITE_KEY(w, "gapText");
	if (step->gap == PATH_TRIMMED) {
		snprintf(text, sizeof(text), "%u branch%s of the tracer", step->trimmed,
				step->trimmed == 1 ? "" : "es");
		json_write_cstring(w, text);
	} else if (step->gap == PATH_NO_CODE && step->error) {
		json_write_cstring(w, code_error_message(step->error));
	} else {
		json_write_cstring(w, gaps[step->gap].text);
	}
}

static void write_gap(struct json_writer *w, const struct path_step *step, bool hide)
{
	if (step->at)
		write_symbol(w, step->at);
	if (step->from && !hide)
		MEMBER_ADDRESS(w, "from", step->from);
	if (step->to && !hide)
		MEMBER_ADDRESS(w, "to", step->to);
	MEMBER_STRING(w, "gap", gaps[step->gap].name);
	write_gap_text(w, step);
}

static void write_step(struct json_writer *w, const struct path_step *step, bool hide)
{
	json_begin_object(w);
	MEMBER_INT(w, "depth", step->depth);
	if (step->branch != PATH_NO_BRANCH)
		MEMBER_INT(w, "branch", step->branch);
	if (ends[step->end])
		MEMBER_STRING(w, "end", ends[step->end]);
	if (step->gap || !step->text_length)
		write_gap(w, step, hide);
	else
		json_write_raw(w, step->text, step->text_length);
	json_end_object(w);
}

void path_text_write(struct json_writer *w, const struct path *path, bool hide)
{
	json_begin_array(w);
	for (uint32_t i = 0; i < path->n_steps; i++)
		write_step(w, &path->steps[i], hide);
	json_end_array(w);
}
