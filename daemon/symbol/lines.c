/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which index knows an address, and which address it has there. The rule that must not break: an
 * index answers only for code that has its build id now; that is checked again after every change
 * of what is loaded, since a module may come back rebuilt under its old name.
 */
#include "daemon/symbol/lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/symbol/mapped-file.h"

#define PATH_SIZE 512

/* Its strings are in use until the locations that have them are swept out. */
static void retire_index(struct lines *lines, struct index **index)
{
	struct index **grown;

	if (!*index)
		return;
	grown = reallocarray(lines->old, lines->n_old + 1, sizeof(*grown));
	if (grown) { /* else leaked rather than unmapped under somebody's eyes */
		lines->old = grown;
		grown[lines->n_old++] = *index;
	}
	*index = NULL;
}

void lines_bury(struct lines *lines)
{
	for (size_t i = 0; i < lines->n_old; i++)
		index_close(lines->old[i]);
	lines->n_old = 0;
}

static void ask(const struct lines *lines, const struct line_object *object, bool damaged)
{
	const struct symbol_object what = {
		.name = object->name,
		.build_id = &object->build_id,
		.damaged = damaged,
	};

	if (object->build_id.length)
		lines->need(&what, lines->userdata);
}

void lines_init(struct lines *lines, const char *sysfs, const struct modules *loaded,
		symbols_need_fn need, void *userdata)
{
	char path[PATH_SIZE];

	*lines = (struct lines){
		.need = need, .userdata = userdata, .loaded = loaded, .sysfs = sysfs,
	};
	if (!need)
		return;
	strcpy(lines->kernel.name, "vmlinux");
	snprintf(path, sizeof(path), "%s/kernel/notes", sysfs);
	build_id_read(path, &lines->kernel.build_id);
}

static void object_free(struct lines *lines, struct line_object *object)
{
	retire_index(lines, &object->index);
	free(object->sections);
	free(object);
}

void lines_deinit(struct lines *lines)
{
	for (size_t i = 0; i < lines->n_modules; i++)
		object_free(lines, lines->modules[i]);
	lines_forget_modules(lines, UINT64_MAX);
	free(lines->modules);
	free(lines->former);
	retire_index(lines, &lines->kernel.index);
	lines_bury(lines);
	free(lines->old);
}

/* ---- where the sections of a module are ---- */

static bool read_address(const struct lines *lines, const char *module, const char *section,
		uint64_t *ret)
{
	_cleanup_fclose_ FILE *file = NULL;
	unsigned long long address;
	char path[PATH_SIZE];

	if (snprintf(path, sizeof(path), "%s/module/%s/sections/%s", lines->sysfs, module,
		     section) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file || fscanf(file, "%llx", &address) != 1 || !address)
		return false;
	*ret = address;
	return true;
}

static void add_section(const struct lines *lines, struct line_object *object, const char *name)
{
	struct line_section section, *grown;

	if (!index_section(object->index, name, &section.base, &section.size) ||
	    !read_address(lines, object->name, name, &section.start))
		return;
	grown = reallocarray(object->sections, object->n_sections + 1, sizeof(*grown));
	if (!grown)
		return;
	object->sections = grown;
	grown[object->n_sections++] = section;
}

static void read_sections(const struct lines *lines, struct line_object *object)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	DIR *directory;

	object->n_sections = 0;
	if (!object->index)
		return;
	snprintf(path, sizeof(path), "%s/module/%s/sections", lines->sysfs, object->name);
	directory = opendir(path);
	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			add_section(lines, object, entry->d_name);
	closedir(directory);
}

/* ---- modules ---- */

static struct line_object *find_module(const struct lines *lines, const char *name)
{
	for (size_t i = 0; i < lines->n_modules; i++)
		if (!strcmp(lines->modules[i]->name, name))
			return lines->modules[i];
	return NULL;
}

static uint64_t start_of(const struct lines *lines, const char *name)
{
	const struct module *module = modules_find(lines->loaded, name);

	return module ? module->start : 0;
}

static struct line_object *add_module(struct lines *lines, const char *name)
{
	struct line_object **grown, *object;

	if (strlen(name) >= sizeof(object->name))
		return NULL;
	grown = reallocarray(lines->modules, lines->n_modules + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	lines->modules = grown;
	object = calloc(1, sizeof(*object));
	if (!object)
		return NULL;
	strcpy(object->name, name);
	object->start = start_of(lines, name);
	grown[lines->n_modules++] = object;
	return object;
}

/* What it says still goes for records of the time up to now. */
static void make_former(struct lines *lines, struct line_object *object)
{
	struct line_object **grown = NULL;

	object->until = clock_ns(CLOCK_MONOTONIC);
	if (object->n_sections)
		grown = reallocarray(lines->former, lines->n_former + 1, sizeof(*grown));
	if (!grown) { /* it never had lines, or memory is short */
		object_free(lines, object);
		return;
	}
	lines->former = grown;
	grown[lines->n_former++] = object;
}

void lines_forget_modules(struct lines *lines, uint64_t time)
{
	size_t n = 0;

	while (n < lines->n_former && lines->former[n]->until < time)
		object_free(lines, lines->former[n++]);
	if (!n)
		return;
	lines->n_former -= n;
	memmove(lines->former, lines->former + n, lines->n_former * sizeof(*lines->former));
}

/* In the place of one that was rebuilt meanwhile. */
static struct line_object *replace_module(struct lines *lines, struct line_object *object)
{
	for (size_t i = 0; i < lines->n_modules; i++) {
		if (lines->modules[i] != object)
			continue;
		lines->modules[i] = lines->modules[--lines->n_modules];
		break;
	}
	make_former(lines, object);
	return NULL;
}

/* The module of that name as it is loaded now. */
static struct line_object *get_module(struct lines *lines, const char *name)
{
	struct line_object *object = find_module(lines, name);
	struct build_id now;
	char path[PATH_SIZE];

	if (object && object->known)
		return object;
	snprintf(path, sizeof(path), "%s/module/%s/notes/.note.gnu.build-id", lines->sysfs, name);
	build_id_read(path, &now);
	if (object && !build_id_equal(&now, &object->build_id))
		object = replace_module(lines, object);
	if (!object) {
		object = add_module(lines, name);
		if (!object)
			return NULL;
		object->build_id = now;
		ask(lines, object, false);
	}
	object->known = true;
	/* Where they are known they stay, though a module that is about to go shows none. */
	if (!object->n_sections)
		read_sections(lines, object);
	return object;
}

void lines_follow_modules(struct lines *lines)
{
	size_t kept = 0;

	for (size_t i = 0; i < lines->n_modules; i++) {
		struct line_object *object = lines->modules[i];
		const struct module *module = modules_find(lines->loaded, object->name);

		/* One that was loaded again elsewhere asks for its index as a new one. */
		if (!module || module->start != object->start) {
			make_former(lines, object);
			continue;
		}
		object->known = false;
		lines->modules[kept++] = object;
	}
	lines->n_modules = kept;
}

/* ---- look-ups ---- */

static bool translate(const struct line_object *object, uint64_t address, uint64_t *ret)
{
	for (size_t i = 0; i < object->n_sections; i++) {
		const struct line_section *section = &object->sections[i];

		if (address - section->start < section->size) {
			*ret = section->base + (address - section->start);
			return true;
		}
	}
	return false;
}

struct question {
	struct index *index;
	uint64_t address;
	struct location_frame *frames;
	size_t n;
};

static void answer(void *userdata)
{
	struct question *question = userdata;

	question->n = index_lookup(question->index, question->address, question->frames,
				   INDEX_MAX_FRAMES);
}

/* An index that turns out to be damaged, or that somebody cuts off, is given up. */
static size_t look_up(struct lines *lines, struct line_object *object, uint64_t address,
		struct location_frame *frames)
{
	struct question question = {
		.index = object->index, .address = address, .frames = frames,
	};
	bool readable = mapped_file_read(answer, &question);

	if (readable && (question.n || !index_damaged(object->index)))
		return question.n;
	retire_index(lines, &object->index);
	if (!object->until)
		ask(lines, object, true);
	return 0;
}

void lines_need_kernel(struct lines *lines)
{
	if (!lines->need || lines->kernel.known || !lines->text_start)
		return;
	lines->kernel.known = true;
	ask(lines, &lines->kernel, false);
}

/* False: the object does not know the address. */
static bool complete(struct lines *lines, struct line_object *object, uint64_t address,
		struct location *location, struct location_frame *frames)
{
	const struct location_frame *outermost;
	size_t n = look_up(lines, object, address, frames);

	if (n == 0)
		return false;
	outermost = &frames[n - 1];
	location->file = outermost->file;
	location->line = outermost->line;
	location->column = outermost->column;
	location->frames = frames;
	location->n_frames = n - 1;
	return true;
}

static bool complete_module(struct lines *lines, struct line_object *object,
		struct location *location, struct location_frame *frames)
{
	uint64_t address;

	return object && object->index && translate(object, location->address, &address) &&
	       complete(lines, object, address, location, frames);
}

void lines_find(struct lines *lines, struct location *location, struct location_frame *frames)
{
	struct line_object *kernel = &lines->kernel;

	if (!lines->need)
		return;
	if (location->module) {
		complete_module(lines, get_module(lines, location->module), location, frames);
		return;
	}
	lines_need_kernel(lines);
	if (kernel->index)
		complete(lines, kernel, location->address - kernel->shift, location, frames);
}

void lines_find_former(struct lines *lines, struct location *location, uint64_t timestamp,
		struct location_frame *frames)
{
	for (size_t i = 0; i < lines->n_former; i++) {
		struct line_object *object = lines->former[i];

		if (timestamp <= object->until && !strcmp(object->name, location->module) &&
		    complete_module(lines, object, location, frames))
			return;
	}
	/* Unless it is still there, as it was. */
	complete_module(lines, find_module(lines, location->module), location, frames);
}

/* ---- what is handed over ---- */

static bool suits(const struct lines *lines, const struct line_object *object,
		const struct index *index, const struct build_id *id)
{
	uint64_t text_start;

	if (!build_id_equal(&object->build_id, id))
		return false;
	return object != &lines->kernel ||
	       (lines->text_start && index_text_start(index, &text_start));
}

static void give(struct lines *lines, struct line_object *object, struct index *index)
{
	uint64_t text_start = 0;

	retire_index(lines, &object->index);
	object->index = index;
	if (object != &lines->kernel) {
		read_sections(lines, object);
		return;
	}
	index_text_start(index, &text_start);
	object->shift = lines->text_start - text_start;
}

const struct line_object *lines_take(struct lines *lines, struct index *index)
{
	struct line_object *object = NULL;
	struct build_id id;
	const void *bytes = index_build_id(index, &id.length);

	if (bytes && id.length && id.length <= sizeof(id.bytes)) {
		memcpy(id.bytes, bytes, id.length);
		if (suits(lines, &lines->kernel, index, &id))
			object = &lines->kernel;
		for (size_t i = 0; i < lines->n_modules && !object; i++)
			if (suits(lines, lines->modules[i], index, &id))
				object = lines->modules[i];
	}
	if (object)
		give(lines, object, index);
	else
		index_close(index);
	return object;
}

size_t lines_mapped(const struct lines *lines)
{
	size_t bytes = lines->kernel.index ? index_size(lines->kernel.index) : 0;

	for (size_t i = 0; i < lines->n_modules; i++)
		if (lines->modules[i]->index)
			bytes += index_size(lines->modules[i]->index);
	return bytes;
}
