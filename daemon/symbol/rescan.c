/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/kallsyms tells the start and the name of every BPF image but not its length; the programs'
 * own information tells the length but knows no trampolines. Together they replace lost reports.
 */
#include "daemon/symbol/rescan.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/symbol/kallsyms.h"

#define PAGE 4096 /* no trampoline is longer; programs are measured by their own information */

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

struct id_list {
	uint32_t *ids;
	size_t n;
	size_t capacity;
};

static void id_list_deinit(struct id_list *list)
{
	free(list->ids);
}

static bool id_list_add(struct id_list *list, uint32_t id)
{
	if (list->n == list->capacity) {
		size_t capacity = MAX(2 * list->capacity, (size_t)64);
		uint32_t *grown = reallocarray(list->ids, capacity, sizeof(*grown));

		if (!grown)
			return false;
		list->ids = grown;
		list->capacity = capacity;
	}
	list->ids[list->n++] = id;
	return true;
}

static bool id_list_has(const struct id_list *list, uint32_t id)
{
	return list->n && bsearch(&id, list->ids, list->n, sizeof(id), compare_ids);
}

static bool list_present(struct id_list *list)
{
	uint32_t id = 0;

	while (bpf_program_next(id, &id) == 0)
		if (!id_list_add(list, id))
			return false;
	if (list->n)
		qsort(list->ids, list->n, sizeof(*list->ids), compare_ids);
	return true;
}

/*
 * A program that is not listed was unloaded some time since we last knew of everything, and other
 * code may stand in its place since.
 */
static void end_unloaded(struct code *code, const struct id_list *present)
{
	struct images *images = &code->images;

	for (size_t i = 0; i < images->n_live;) {
		const struct image *image = images->live[i];

		if (image->program && !id_list_has(present, image->program->id))
			images_end(images, image->start, code->known_until);
		else
			i++;
	}
}

static void learn_unknown(struct code *code, const struct id_list *present, uint64_t time)
{
	_cleanup_(id_list_deinit) struct id_list known = {};

	for (size_t i = 0; i < code->images.n_live; i++)
		if (code->images.live[i]->program &&
		    !id_list_add(&known, code->images.live[i]->program->id))
			return;
	if (known.n)
		qsort(known.ids, known.n, sizeof(*known.ids), compare_ids);

	code->programs_hidden = false;
	for (size_t i = 0; i < present->n; i++) {
		bool hidden = code->programs_hidden;

		if (id_list_has(&known, present->ids[i]))
			continue;
		code_learn_program(code, present->ids[i], time, false);
		code->programs_hidden |= hidden;
	}
}

void rescan_programs(struct code *code, uint64_t time)
{
	_cleanup_(id_list_deinit) struct id_list present = {};

	if (!list_present(&present))
		return;
	if (!code->sideband)
		end_unloaded(code, &present);
	learn_unknown(code, &present, time);
}

/* Bound code belongs to a program that is there, and a program does not move. */
static bool same_image(const struct image *image, const char *name)
{
	return image && (image->program || !strcmp(image->name, name));
}

int rescan_image_found(uint64_t start, const char *name, const char *module, void *userdata)
{
	struct code *code = userdata;
	struct image_news news = {
		.start = start,
		.length = PAGE,
		.loose = true,
		.name = name,
		.module = module,
		.time = MAX(code->known_until, images_last_end(&code->images, start, start + 1)),
	};
	int r;

	if (same_image(images_at(&code->images, start), name))
		return 0;
	r = images_add(&code->images, &news, NULL);
	if (r == 0)
		code_note_arrival(code);
	return r;
}

struct census {
	struct code *code;
	uint64_t *starts;
	size_t n;
	size_t capacity;
};

static int count_image(uint64_t start, const char *name, const char *module, void *userdata)
{
	struct census *census = userdata;

	if (census->n == census->capacity) {
		size_t capacity = MAX(2 * census->capacity, (size_t)256);
		uint64_t *grown = reallocarray(census->starts, capacity, sizeof(*grown));

		if (!grown)
			return -1;
		census->starts = grown;
		census->capacity = capacity;
	}
	census->starts[census->n++] = start;
	return rescan_image_found(start, name, module, census->code);
}

static int compare_starts(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void end_missing(struct code *code, const struct census *census, uint64_t now)
{
	struct images *images = &code->images;

	for (size_t i = 0; i < images->n_live;) {
		uint64_t start = images->live[i]->start;

		if (bsearch(&start, census->starts, census->n, sizeof(start), compare_starts))
			i++;
		else
			images_end(images, start, now);
	}
}

void rescan_images(struct code *code, uint64_t now)
{
	_cleanup_(id_list_deinit) struct id_list present = {};
	struct census census = { .code = code };
	struct kallsyms_wish wish = { .image = count_image, .userdata = &census };
	struct kallsyms_result result;

	/* What is bound is compared by id: another program may stand at the same address. */
	if (!list_present(&present))
		return;
	end_unloaded(code, &present);
	if (kallsyms_read(code->kallsyms_path, &wish, &result) == 0 && !result.hidden) {
		if (census.n)
			qsort(census.starts, census.n, sizeof(*census.starts), compare_starts);
		end_missing(code, &census, now);
	}
	free(census.starts);
	images_doubt_dead(&code->images, code->known_until);
	learn_unknown(code, &present, code->known_until);
	code->known_until = now;
}
