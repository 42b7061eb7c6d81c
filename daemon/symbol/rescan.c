/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/kallsyms tells the start and the name of every BPF image but not its length; the programs'
 * own information tells the length but knows no trampolines. Together they replace lost reports.
 *
 * Programs are quickly asked for, so they are right at once; kallsyms is read in parts, and records
 * had better wait until it is read (symbols_go_on()), for trampolines may have others' names.
 */
#include "daemon/symbol/rescan.h"

#include <errno.h>
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

/* Where images start, as far as they were read. */
struct rescan {
	struct code *code;
	struct kallsyms_reading *reading;
	uint64_t *starts;
	size_t n;
	size_t capacity;
};

static int count_image(uint64_t start, const char *name, const char *module, void *userdata)
{
	struct rescan *rescan = userdata;

	if (rescan->n == rescan->capacity) {
		size_t capacity = MAX(2 * rescan->capacity, (size_t)256);
		uint64_t *grown = reallocarray(rescan->starts, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		rescan->starts = grown;
		rescan->capacity = capacity;
	}
	rescan->starts[rescan->n++] = start;
	return rescan_image_found(start, name, module, rescan->code);
}

static int compare_starts(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void end_missing(struct code *code, struct rescan *rescan, uint64_t now)
{
	struct images *images = &code->images;

	if (rescan->n)
		qsort(rescan->starts, rescan->n, sizeof(*rescan->starts), compare_starts);
	for (size_t i = 0; i < images->n_live;) {
		uint64_t start = images->live[i]->start;

		if (rescan->n && bsearch(&start, rescan->starts, rescan->n, sizeof(start),
					 compare_starts))
			i++;
		else
			images_end(images, start, now);
	}
}

void rescan_free(struct rescan *rescan)
{
	if (!rescan)
		return;
	kallsyms_end(rescan->reading);
	free(rescan->starts);
	free(rescan);
}

static int begin_reading(struct code *code, struct rescan **ret)
{
	struct rescan *rescan = calloc(1, sizeof(*rescan));
	struct kallsyms_wish wish = { .image = count_image, .userdata = rescan };
	int r;

	if (!rescan)
		return -ENOMEM;
	rescan->code = code;
	r = kallsyms_begin(code->kallsyms_path, &wish, &rescan->reading);
	if (r < 0) {
		free(rescan);
		return r;
	}
	*ret = rescan;
	return 0;
}

static void finish(struct code *code, uint64_t now)
{
	rescan_free(code->rescan);
	code->rescan = NULL;
	images_doubt_dead(&code->images, code->known_until);
	code->known_until = now;
}

void rescan_begin(struct code *code)
{
	_cleanup_(id_list_deinit) struct id_list present = {};
	uint64_t now = code_clock();

	rescan_free(code->rescan);
	code->rescan = NULL;
	/* What is bound is compared by id: another program may stand at the same address. */
	if (list_present(&present)) {
		end_unloaded(code, &present);
		learn_unknown(code, &present, code->known_until);
	}
	if (begin_reading(code, &code->rescan) < 0)
		finish(code, now);
}

bool rescan_go_on(struct code *code)
{
	struct kallsyms_result result;
	uint64_t now = code_clock();
	int r = kallsyms_go_on(code->rescan->reading, &result);

	if (r > 0)
		return true;
	if (r == 0 && !result.hidden)
		end_missing(code, code->rescan, now);
	finish(code, now);
	return false;
}
