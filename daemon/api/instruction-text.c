/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the members is that of io.lbrd.varlink; what is not known is left out. */
#include "daemon/api/instruction-text.h"

#include <ctype.h>
#include <string.h>

#include "common/macro.h"
#include "daemon/api/hidden.h"
#include "daemon/api/location-text.h"

#define MEMBER_INT(w, name, value) (JSON_WRITE_KEY(w, name), json_write_int(w, value))
#define MEMBER_STRING(w, name, value) (JSON_WRITE_KEY(w, name), json_write_cstring(w, value))

const char *decision_word(enum path_decision decision)
{
	static const char *const words[] = {
		[PATH_TAKEN] = "taken",
		[PATH_NOT_TAKEN] = "notTaken",
	};

	return decision < ARRAY_SIZE(words) ? words[decision] : NULL;
}

void source_text_write(struct json_writer *w, const char *text)
{
	size_t length;

	if (!text)
		return;
	while (isspace((unsigned char)*text))
		text++;
	length = strlen(text);
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (!length)
		return;
	JSON_WRITE_KEY(w, "text");
	json_write_string(w, text, length);
}

static void write_bytes(struct json_writer *w, const unsigned char *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * INSTRUCTION_MAX_LENGTH + 2];

	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	JSON_WRITE_KEY(w, "bytes");
	json_write_string(w, text, 2 * n);
}

static void write_kind(struct json_writer *w, enum instruction_kind kind)
{
	static const char *const names[] = {
		[INSTRUCTION_CONDITIONAL] = "conditional",
		[INSTRUCTION_JUMP] = "jump",
		[INSTRUCTION_INDIRECT_JUMP] = "indirectJump",
		[INSTRUCTION_CALL] = "call",
		[INSTRUCTION_INDIRECT_CALL] = "indirectCall",
		[INSTRUCTION_RETURN] = "return",
		[INSTRUCTION_SYSTEM_CALL] = "systemCall",
		[INSTRUCTION_SYSTEM_RETURN] = "systemReturn",
		[INSTRUCTION_INTERRUPT] = "interrupt",
		[INSTRUCTION_INTERRUPT_RETURN] = "interruptReturn",
		[INSTRUCTION_BAD] = "bad",
	};

	if (names[kind])
		MEMBER_STRING(w, "kind", names[kind]);
}

static void write_map(struct json_writer *w, const struct bpf_program_map *map)
{
	if (map->name[0])
		MEMBER_STRING(w, "map", map->name);
	MEMBER_INT(w, "mapId", map->id);
}

static void write_line(struct json_writer *w, const char *file, uint32_t line, uint32_t column)
{
	MEMBER_STRING(w, "file", file);
	MEMBER_INT(w, "line", line);
	if (column)
		MEMBER_INT(w, "column", column);
}

static void write_inlined(struct json_writer *w, const struct location_frame *frames, size_t n)
{
	JSON_WRITE_KEY(w, "inlined");
	json_begin_array(w);
	for (size_t i = 0; i < n; i++) {
		json_begin_object(w);
		MEMBER_STRING(w, "function", frames[i].function ? frames[i].function : "?");
		if (frames[i].file && frames[i].line)
			write_line(w, frames[i].file, frames[i].line, frames[i].column);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_source(struct json_writer *w, const struct source_line *source)
{
	JSON_WRITE_KEY(w, "source");
	json_begin_object(w);
	write_line(w, source->file, source->line, source->column);
	source_text_write(w, source->text);
	if (source->n_frames)
		write_inlined(w, source->frames, source->n_frames);
	json_end_object(w);
}

static void write_text(struct json_writer *w, const struct instruction_text *instruction)
{
	char text[256];

	MEMBER_STRING(w, "text", !instruction->hide ? instruction->text :
			hide_addresses(instruction->text, text, sizeof(text)));
}

void instruction_text_write(struct json_writer *w, const struct instruction_text *instruction)
{
	json_begin_object(w);
	if (instruction->address && !instruction->hide) {
		JSON_WRITE_KEY(w, "address");
		json_write_address(w, instruction->address);
	}
	MEMBER_INT(w, "offset", instruction->offset);
	if (instruction->bytes && !instruction->hide)
		write_bytes(w, instruction->bytes, instruction->n_bytes);
	write_text(w, instruction);
	write_kind(w, instruction->kind);
	if (instruction->decision != PATH_NO_DECISION)
		MEMBER_STRING(w, "decision", decision_word(instruction->decision));
	if (instruction->target && (instruction->target->symbol || !instruction->hide)) {
		JSON_WRITE_KEY(w, "target");
		location_text_write(w, instruction->target, instruction->hide);
	}
	if (instruction->map)
		write_map(w, instruction->map);
	if (instruction->source)
		write_source(w, instruction->source);
	json_end_object(w);
}
