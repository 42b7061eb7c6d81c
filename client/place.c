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
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "client/text.h"
#include "common/cleanup.h"
#include "common/macro.h"

#define TABLE_SIZE 4096 /* a power of two */
#define MAX_PLACES 16384 /* some 10 MB: more than the paths through any set of programs */
/* Enough to hold the address, which comes first: {"address":"0xffffffff81234567" */
#define KEY_SIZE 32
/* What shortening leaves of a name or a path as long as there is something else to take from. */
#define SHORTEST_NAME 12u
#define SHORTEST_FILE 6u

struct place {
	SLIST_ENTRY(place) chain;
	struct label labels[PLACE_DETAILS];
	struct label within; /* text allocated */
	unsigned int within_width;
	uint64_t function;
	/* sanitized; in `bytes` */
	struct json_slice name, suffix, module, file, basename, line;
	size_t raw_length;
	char bytes[]; /* the raw object first */
};

SLIST_HEAD(place_list, place);

struct places {
	const struct terminal *terminal;
	size_t count;
	struct json_slice directory; /* the working directory, with a slash at its end */
	struct place_list table[TABLE_SIZE];
};

int places_new(const struct terminal *terminal, struct places **ret)
{
	struct places *places = calloc(1, sizeof(*places));
	char *directory = NULL;

	if (!places)
		return -ENOMEM;
	places->terminal = terminal;
	directory = getcwd(NULL, 0);
	if (directory && strcmp(directory, "/")) {
		places->directory.length = strlen(directory);
		places->directory.data = directory;
	} else {
		free(directory);
	}
	*ret = places;
	return 0;
}

static void forget(struct places *places)
{
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		while (!SLIST_EMPTY(&places->table[i])) {
			struct place *place = SLIST_FIRST(&places->table[i]);

			SLIST_REMOVE_HEAD(&places->table[i], chain);
			for (int d = 0; d < PLACE_DETAILS; d++)
				free((char *)place->labels[d].text);
			free((char *)place->within.text);
			free(place);
		}
	}
	places->count = 0;
}

void places_free(struct places *places)
{
	if (!places)
		return;
	forget(places);
	free((char *)places->directory.data);
	free(places);
}

void places_trim(struct places *places)
{
	if (places->count >= MAX_PLACES)
		forget(places);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

static uint64_t mix_bytes(uint64_t hash, const struct json_slice *bytes)
{
	for (size_t i = 0; i < bytes->length; i++)
		hash = mix(hash, (unsigned char)bytes->data[i]);
	return hash;
}

static struct place_list *bucket(struct places *places, const char *at)
{
	uint64_t words[KEY_SIZE / 8], hash = 0;

	memcpy(words, at, KEY_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		hash = mix(hash, words[i]);
	return &places->table[hash % TABLE_SIZE];
}

struct place *places_find(struct places *places, const char *at, size_t size, size_t *ret_length)
{
	struct place *place;

	if (size < KEY_SIZE)
		return NULL;
	SLIST_FOREACH (place, bucket(places, at), chain) {
		if (place->raw_length <= size && !memcmp(place->bytes, at, place->raw_length)) {
			*ret_length = place->raw_length;
			return place;
		}
	}
	return NULL;
}

static struct json_slice relative(const struct places *places, struct json_slice file)
{
	const struct json_slice *directory = &places->directory;

	if (directory->data && file.length > directory->length + 1 &&
	    !memcmp(file.data, directory->data, directory->length) &&
	    file.data[directory->length] == '/') {
		file.data += directory->length + 1;
		file.length -= directory->length + 1;
	} else if (file.length > 2 && !memcmp(file.data, "./", 2)) {
		file.data += 2;
		file.length -= 2;
	}
	return file;
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

static unsigned int slice_width(struct json_slice s)
{
	return s.data ? text_width(s.data, s.length) : 0;
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

/* The widths of the parts of a label, once they fit. */
struct fit {
	unsigned int name, file;
	bool module, source;
};

/* Takes up to `wanted` from `*width`, which is not made less than `least` by it. */
static unsigned int take(unsigned int *width, unsigned int least, unsigned int wanted)
{
	unsigned int n = *width > least ? MIN(*width - least, wanted) : 0;

	*width -= n;
	return n;
}

/* Takes away, in this order: the start of the name, of the path, the path, the line, the module. */
static void shrink(const struct place *place, struct json_slice file, unsigned int width,
		   struct fit *fit)
{
	unsigned int name = slice_width(place->name), suffix = slice_width(place->suffix);
	unsigned int module = place->module.data ? slice_width(place->module) + 3 : 0;
	unsigned int source = file.data ? slice_width(place->line) + 3 : 0; /* " (:12)" */
	unsigned int excess, rest;

	*fit = (struct fit){ name, slice_width(file), module, source };
	excess = name + suffix + module + source + fit->file;
	excess -= MIN(excess, width);

	excess -= take(&fit->name, SHORTEST_NAME, excess);
	excess -= take(&fit->file, SHORTEST_FILE, excess);
	if (excess) {
		excess -= MIN(excess, fit->file);
		fit->file = 0;
	}
	if (excess && fit->source) {
		excess -= MIN(excess, source);
		fit->source = false;
	}
	if (excess)
		fit->module = false;
	/* What a part left over that went as a whole is the name's. */
	rest = suffix + (fit->module ? module : 0) + (fit->source ? source + fit->file : 0);
	fit->name = rest < width ? MIN(name, width - rest) : 0;
}

/* Appends `s`, its start replaced by an ellipsis when it is wider than `width`. */
static unsigned int put_tail(FILE *f, const struct terminal *terminal, struct json_slice s,
			     unsigned int width)
{
	unsigned int w = 0;
	size_t n;

	if (slice_width(s) <= width) {
		fwrite(s.data, 1, s.length, f);
		return slice_width(s);
	}
	if (!width)
		return 0;
	n = text_tail(s.data, s.length, width - 1, &w);
	fputs(terminal->glyphs.ellipsis, f);
	fwrite(s.data + s.length - n, 1, n, f);
	return w + 1;
}

/* `name` comes without a style of its own, so that a row can set one before the label. */
static int compose(const struct terminal *terminal, const struct place *place,
		   struct json_slice file, unsigned int width, struct label *ret)
{
	const char *const *style = terminal->styles;
	char *text = NULL;
	size_t length;
	struct fit fit;
	FILE *f = open_memstream(&text, &length);

	if (!f)
		return -ENOMEM;
	shrink(place, file, width, &fit);
	ret->width = put_tail(f, terminal, place->name, fit.name);
	fputs(style[STYLE_NONE], f);
	if (place->suffix.data) {
		fwrite(place->suffix.data, 1, place->suffix.length, f);
		ret->width += slice_width(place->suffix);
	}
	if (fit.module) {
		fprintf(f, " %s[%.*s]%s", style[STYLE_DIM], (int)place->module.length,
			place->module.data, style[STYLE_NONE]);
		ret->width += slice_width(place->module) + 3;
	}
	if (fit.source) {
		fprintf(f, " (%s", style[STYLE_SOURCE]);
		ret->width += put_tail(f, terminal, file, fit.file);
		fprintf(f, "%.*s%s)", (int)place->line.length,
			place->line.length ? place->line.data : "", style[STYLE_NONE]);
		ret->width += slice_width(place->line) + 3;
	}
	if (fclose(f) || !text) {
		free(text);
		return -ENOMEM;
	}
	ret->text = text;
	ret->length = (uint32_t)length;
	return 0;
}

static void set_parts(const struct places *places, struct place *place,
		      const struct place_facts *facts)
{
	const struct terminal *terminal = places->terminal;
	char *end = place->bytes + place->raw_length;
	char number[32];
	int n;

	place->name = keep(&end, facts->symbol.data ? facts->symbol : facts->address,
			   terminal->utf8);
	if (facts->symbol.data) {
		place->function = mix_bytes(0, &facts->symbol);
		place->function = mix_bytes(place->function, &facts->module) | 1;
	}
	if (facts->symbol.data && facts->has_offset) {
		n = snprintf(number, sizeof(number), "+0x%llx", (unsigned long long)facts->offset);
		place->suffix = keep(&end, (struct json_slice){ number, (size_t)n }, false);
	}
	place->file = keep(&end, facts->file, terminal->utf8);
	place->basename = last_component(place->file);
	place->file = relative(places, place->file);
	if (place->file.data && facts->line) {
		n = snprintf(number, sizeof(number), ":%llu", (unsigned long long)facts->line);
		place->line = keep(&end, (struct json_slice){ number, (size_t)n }, false);
	}
	/* A source line of a BPF program says that it is one. */
	if (!facts->file.data || !json_slice_is(&facts->module, "bpf"))
		place->module = keep(&end, facts->module, terminal->utf8);
}

struct place *places_add(struct places *places, struct json_slice raw,
			 const struct place_facts *facts)
{
	size_t size = raw.length + facts->address.length + facts->symbol.length +
		      facts->module.length + facts->file.length + 64;
	struct place *place;

	if (raw.length < KEY_SIZE)
		size += KEY_SIZE;
	place = calloc(1, sizeof(*place) + size);
	if (!place)
		return NULL;
	memcpy(place->bytes, raw.data, raw.length);
	place->raw_length = raw.length;
	set_parts(places, place, facts);
	SLIST_INSERT_HEAD(bucket(places, place->bytes), place, chain);
	places->count++;
	if (compose(places->terminal, place, place->file, UINT32_MAX,
		    &place->labels[PLACE_PATH]) < 0 ||
	    compose(places->terminal, place, place->basename, UINT32_MAX,
		    &place->labels[PLACE_BASENAME]) < 0)
		return NULL;
	return place;
}

uint64_t place_function(const struct place *place)
{
	return place->function;
}

const struct label *place_label(const struct place *place, enum place_detail detail)
{
	return &place->labels[detail];
}

const struct label *place_label_within(struct places *places, struct place *place,
				       unsigned int width)
{
	if (place->labels[PLACE_BASENAME].width <= width)
		return &place->labels[PLACE_BASENAME];
	if (!place->within.text || place->within_width != width) {
		free((char *)place->within.text);
		place->within.text = NULL;
		if (compose(places->terminal, place, place->basename, width, &place->within) < 0)
			return NULL;
		place->within_width = width;
	}
	return &place->within;
}
