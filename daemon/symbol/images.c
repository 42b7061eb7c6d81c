/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two facts of the kernel shape this. It reports every trampoline as a page long, though since
 * 6.10 several of them, and programs, share a page: such an end is loose and yields to whatever
 * starts inside. And memory is given to new code only after the old was reported gone: two images
 * at one address are disjoint in time.
 */
#include "daemon/symbol/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"
#include "daemon/symbol/kinds.h"

/* A storm of reloads may not fill the memory: the oldest dead go first. */
#define MAX_DEAD 8192

void images_init(struct images *images, struct life_list *retired)
{
	*images = (struct images){ .retired = retired };
	SLIST_INIT(&images->condemned);
}

static size_t image_bytes(const struct image *image)
{
	return sizeof(*image) + strlen(image->name) + 1 + strlen(image->module) + 1;
}

/* Not found any more, but its strings stay: locations that were handed out point to them. */
static void condemn(struct images *images, struct image *image)
{
	life_retire(image->life, images->retired);
	image->life = NULL;
	SLIST_INSERT_HEAD(&images->condemned, image, condemned);
}

void images_bury(struct images *images)
{
	while (!SLIST_EMPTY(&images->condemned)) {
		struct image *image = SLIST_FIRST(&images->condemned);

		SLIST_REMOVE_HEAD(&images->condemned, condemned);
		images->bytes -= image_bytes(image);
		bpf_program_unref(image->program);
		free(image->module);
		free(image);
	}
}

void images_deinit(struct images *images)
{
	for (size_t i = 0; i < images->n_live; i++)
		condemn(images, images->live[i]);
	for (size_t i = 0; i < images->n_dead; i++)
		condemn(images, images->dead[i]);
	images_bury(images);
	free(images->live);
	free(images->dead);
	*images = (struct images){};
}

/* The first live image that starts behind `address`. */
static size_t upper_bound(const struct images *images, uint64_t address)
{
	size_t low = 0, high = images->n_live;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (images->live[middle]->start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void images_doubt_dead(struct images *images, uint64_t time)
{
	for (size_t n = 0; n < images->n_dead; n++) {
		struct image *dead = images->dead[n];
		uint64_t known = MAX(time, dead->until);

		dead->life->until = MIN(dead->life->until, known);
	}
}

static int reserve(struct image ***array, size_t n, size_t *capacity)
{
	size_t wanted = MAX(2 * *capacity, (size_t)64);
	struct image **grown;

	if (n < *capacity)
		return 0;
	grown = reallocarray(*array, wanted, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = wanted;
	return 0;
}

static void drop_oldest_dead(struct images *images, size_t n)
{
	for (size_t i = 0; i < n; i++)
		condemn(images, images->dead[i]);
	images->n_dead -= n;
	memmove(images->dead, images->dead + n, images->n_dead * sizeof(*images->dead));
}

static void end_nth(struct images *images, size_t n, uint64_t time)
{
	struct image *image = images->live[n];

	images->n_live--;
	memmove(images->live + n, images->live + n + 1,
		(images->n_live - n) * sizeof(*images->live));

	image->until = MAX(time, image->from);
	if (reserve(&images->dead, images->n_dead, &images->capacity_dead) < 0) {
		condemn(images, image);
		return;
	}
	if (images->n_dead >= MAX_DEAD)
		drop_oldest_dead(images, MAX_DEAD / 4);
	images->dead[images->n_dead++] = image;
}

void images_end(struct images *images, uint64_t start, uint64_t time)
{
	size_t n = upper_bound(images, start);

	if (n > 0 && images->live[n - 1]->start == start)
		end_nth(images, n - 1, time);
}

/* The dead are found at their addresses until something new stands there. */
static void bound_dead(struct images *images, const struct image *image)
{
	for (size_t n = images->n_dead; n-- > 0;) {
		struct image *dead = images->dead[n];

		if (dead->start < image->end && dead->end > image->start)
			dead->life->until = MIN(dead->life->until, image->from);
	}
}

/* Makes room for `image` among the live; one that is loose may be cut short itself. */
static void give_way(struct images *images, struct image *image)
{
	size_t n = upper_bound(images, image->start);

	if (n > 0 && images->live[n - 1]->end > image->start) {
		struct image *before = images->live[n - 1];

		if (before->loose && before->start < image->start) {
			before->end = image->start;
			if (images_renew(images, before) < 0)
				end_nth(images, n - 1, image->from);
		} else {
			end_nth(images, n - 1, image->from);
		}
	}
	n = upper_bound(images, image->start);
	while (n < images->n_live && images->live[n]->start < image->end) {
		if (image->loose)
			image->end = images->live[n]->start;
		else
			end_nth(images, n, image->from);
	}
}

int images_add(struct images *images, const struct image_news *news, struct image **ret)
{
	size_t length = strlen(news->name), n;
	struct image *image;
	int r;

	r = reserve(&images->live, images->n_live, &images->capacity_live);
	if (r < 0)
		return r;
	image = calloc(1, sizeof(*image) + length + 1);
	if (!image)
		return -ENOMEM;
	image->life = life_new(news->time);
	image->module = strdup(news->module);
	if (!image->life || !image->module) {
		free(image->life);
		free(image->module);
		free(image);
		return -ENOMEM;
	}
	image->start = news->start;
	image->end = news->start + news->length;
	image->loose = news->loose;
	image->kind = kind_of_image(news->name, news->module);
	image->from = news->time;
	image->until = LIFE_OPEN;
	memcpy(image->name, news->name, length + 1);
	images->bytes += image_bytes(image);

	give_way(images, image);
	bound_dead(images, image);
	n = upper_bound(images, image->start);
	memmove(images->live + n + 1, images->live + n,
		(images->n_live - n) * sizeof(*images->live));
	images->live[n] = image;
	images->n_live++;
	if (ret)
		*ret = image;
	return 0;
}

int images_renew(struct images *images, struct image *image)
{
	struct life *life;

	if (image->life->users == 0)
		return 0;
	life = life_new(image->from);
	if (!life)
		return -ENOMEM;
	life_retire(image->life, images->retired);
	image->life = life;
	return 0;
}

int images_delay(struct images *images, struct image *image, uint64_t from)
{
	int r;

	if (from <= image->from)
		return 0;
	r = images_renew(images, image);
	if (r < 0)
		return r;
	image->from = image->life->from = from;
	return 0;
}

int images_bind(struct images *images, struct image *image, struct bpf_program *program,
		size_t function)
{
	int r;

	if (image->program)
		return 0;
	r = images_renew(images, image);
	if (r < 0)
		return r;
	image->program = bpf_program_ref(program);
	image->function = function;
	return 0;
}

void images_tighten(struct image *image, uint64_t end)
{
	if (image->loose) {
		image->end = end;
		image->loose = false;
	}
}

struct image *images_at(const struct images *images, uint64_t start)
{
	size_t n = upper_bound(images, start);

	return n > 0 && images->live[n - 1]->start == start ? images->live[n - 1] : NULL;
}

struct image *images_find(const struct images *images, uint64_t address, uint64_t timestamp)
{
	size_t n = upper_bound(images, address);

	if (n > 0 && address < images->live[n - 1]->end && images->live[n - 1]->from <= timestamp)
		return images->live[n - 1];
	for (n = images->n_dead; n-- > 0;) {
		struct image *image = images->dead[n];

		if (address >= image->start && address < image->end &&
		    life_holds(image->life, timestamp))
			return image;
	}
	return NULL;
}

bool images_ever(const struct images *images, uint64_t address)
{
	size_t n = upper_bound(images, address);

	if (n > 0 && address < images->live[n - 1]->end)
		return true;
	for (n = 0; n < images->n_dead; n++)
		if (address >= images->dead[n]->start && address < images->dead[n]->end)
			return true;
	return false;
}

static struct bpf_program *find_program(struct image **images, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (images[i]->program && images[i]->program->id == id)
			return images[i]->program;
	return NULL;
}

struct bpf_program *images_program(const struct images *images, uint32_t id)
{
	struct bpf_program *program = find_program(images->live, images->n_live, id);

	return program ? program : find_program(images->dead, images->n_dead, id);
}

uint64_t images_last_end(const struct images *images, uint64_t start, uint64_t end)
{
	for (size_t n = images->n_dead; n-- > 0;)
		if (images->dead[n]->start < end && images->dead[n]->end > start)
			return images->dead[n]->until;
	return 0;
}

void images_reap(struct images *images, uint64_t now, uint64_t grace)
{
	size_t n;

	for (n = images->n_dead; n-- > 0 && !images->dead[n]->noticed;)
		images->dead[n]->noticed = now;
	for (n = 0; n < images->n_dead && images->dead[n]->noticed + grace < now;)
		n++;
	if (n)
		drop_oldest_dead(images, n);
}
