/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream shows the same few hundred locations over and over. Each is decoded and rendered when
 * its bytes are first seen; afterwards it is recognized by them, without a look at its members.
 *
 * The rule that this rests on: a JSON object ends where its braces close, so text that starts with
 * the bytes of a whole object is that object, whatever follows.
 */
#include "client/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/memo.h"
#include "client/text.h"
#include "common/cleanup.h"
#include "common/macro.h"

/* Room for "+0x" and ":" with the largest numbers. */
#define NUMBERS_SIZE 48

/* The inside of a place. */
struct place_memory {
	struct memo_entry entry;
	struct place place;
	struct label within; /* shortened to within_width columns */
	unsigned int within_width;
	struct label_parts parts; /* in `bytes` */
	struct json_slice path, basename; /* the two that parts.file can be */
	char bytes[]; /* the raw object first */
};

struct places {
	const struct terminal *terminal;
	char *directory; /* the working directory; NULL: none that a path could be relative to */
	struct memo memo;
};

int places_new(const struct terminal *terminal, struct places **ret)
{
	struct places *places = calloc(1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	places->terminal = terminal;
	places->directory = getcwd(NULL, 0);
	*ret = places;
	return 0;
}

static void release(struct memo_entry *entry)
{
	struct place_memory *memory = container_of(entry, struct place_memory, entry);

	free(memory->within.text);
	for (int detail = 0; detail < PLACE_DETAILS; detail++)
		free(memory->place.labels[detail].text);
	free(memory);
}

void places_forget(struct places *places)
{
	memo_clear(&places->memo, release);
}

size_t places_count(const struct places *places)
{
	return places->memo.count;
}

void places_free(struct places *places)
{
	if (!places)
		return;
	places_forget(places);
	free(places->directory);
	free(places);
}

struct place *places_find(struct places *places, const char *at, size_t size, size_t *ret_length)
{
	struct memo_entry *entry = memo_find(&places->memo, at, size);

	if (!entry)
		return NULL;
	*ret_length = entry->length;
	return &container_of(entry, struct place_memory, entry)->place;
}

static struct json_slice relative(const struct places *places, struct json_slice file)
{
	size_t length = places->directory ? strlen(places->directory) : 0;

	if (length > 1 && file.length > length + 1 && file.data[length] == '/' &&
	    !memcmp(file.data, places->directory, length))
		length++;
	else
		length = file.length > 2 && !memcmp(file.data, "./", 2) ? 2 : 0;
	return file.data ? (struct json_slice){ file.data + length, file.length - length } : file;
}

static struct json_slice last_component(struct json_slice file)
{
	const char *slash = file.length ? memrchr(file.data, '/', file.length - 1) : NULL;

	if (slash) {
		file.length -= (size_t)(slash + 1 - file.data);
		file.data = slash + 1;
	}
	return file;
}

/* Copies `s` to the end of the place's bytes, fit for the terminal. */
static struct json_slice keep(char **end, struct json_slice s, bool utf8)
{
	struct json_slice kept = { *end, 0 };

	if (!s.data)
		return (struct json_slice){ NULL, 0 };
	kept.length = text_sanitize(*end, s.data, s.length, utf8);
	*end += kept.length;
	return kept;
}

static uint64_t hash_bytes(uint64_t hash, const struct json_slice *bytes)
{
	for (size_t i = 0; i < bytes->length; i++)
		hash = (hash ^ (unsigned char)bytes->data[i]) * 0x100000001b3u;
	return hash;
}

static void set_parts(const struct places *places, struct place_memory *memory,
		      const struct place_facts *facts)
{
	char *end = memory->bytes + memory->entry.length;
	struct label_parts *parts = &memory->parts;
	bool utf8 = places->terminal->utf8;
	char number[NUMBERS_SIZE / 2];
	int n;

	parts->name = keep(&end, facts->symbol.data ? facts->symbol : facts->address, utf8);
	if (facts->symbol.data && facts->has_offset) {
		n = snprintf(number, sizeof(number), "+0x%llx", (unsigned long long)facts->offset);
		parts->offset = keep(&end, (struct json_slice){ number, (size_t)n }, false);
	}
	/* A source line of a BPF program says that it is one. */
	if (!facts->file.data || !json_slice_is(&facts->module, "bpf"))
		parts->module = keep(&end, facts->module, utf8);
	parts->inlined = keep(&end, facts->inlined, utf8);
	memory->path = relative(places, keep(&end, facts->file, utf8));
	memory->basename = last_component(memory->path);
	if (facts->file.data && facts->line) {
		n = snprintf(number, sizeof(number), ":%llu", (unsigned long long)facts->line);
		parts->line = keep(&end, (struct json_slice){ number, (size_t)n }, false);
	}
}

static int set_labels(const struct places *places, struct place_memory *memory)
{
	struct place *place = &memory->place;
	int r;

	memory->parts.file = memory->path;
	r = label_compose(places->terminal, &memory->parts, LABEL_UNLIMITED,
			  &place->labels[PLACE_PATH]);
	if (r < 0)
		return r;
	memory->parts.file = memory->basename;
	return label_compose(places->terminal, &memory->parts, LABEL_UNLIMITED,
			     &place->labels[PLACE_BASENAME]);
}

struct place *places_add(struct places *places, struct json_slice raw, size_t size,
			 const struct place_facts *facts)
{
	struct place_memory *memory;

	memory = calloc(1, sizeof(*memory) + raw.length + facts->address.length +
				   facts->symbol.length + facts->module.length +
				   facts->inlined.length + facts->file.length + NUMBERS_SIZE);
	if (!memory)
		return NULL;
	memcpy(memory->bytes, raw.data, raw.length);
	memory->entry.bytes = memory->bytes;
	memory->entry.length = raw.length;
	if (facts->symbol.data)
		memory->place.function =
			hash_bytes(hash_bytes(1, &facts->symbol), &facts->module) | 1;
	set_parts(places, memory, facts);
	if (set_labels(places, memory) < 0) {
		release(&memory->entry);
		return NULL;
	}
	memo_add(&places->memo, &memory->entry, raw.data, size);
	return &memory->place;
}

const struct label *place_label_within(const struct places *places, struct place *place,
				       unsigned int width)
{
	struct place_memory *memory = container_of(place, struct place_memory, place);

	if (place->labels[PLACE_BASENAME].width <= width)
		return &place->labels[PLACE_BASENAME];
	if (!memory->within.text || memory->within_width != width) {
		free(memory->within.text);
		memory->within.text = NULL;
		if (label_compose(places->terminal, &memory->parts, width, &memory->within) < 0)
			return NULL;
		memory->within_width = width;
	}
	return &memory->within;
}
