/* SPDX-License-Identifier: Apache-2.0 */
/* What stood where and when; and that what was cached of it holds for that time only. */
#include "daemon/symbol/images.h"
#include "daemon/symbol/location-cache.h"
#include "tests/unit/check.h"

static struct image *add(struct images *images, const char *name, uint64_t start, uint64_t length,
		uint64_t time)
{
	struct image_news news = {
		.start = start,
		.length = length,
		.loose = strncmp(name, "bpf_prog_", 9) != 0,
		.name = name,
		.module = "bpf",
		.time = time,
	};
	struct image *image;

	CHECK_EQ(images_add(images, &news, &image), 0);
	return image;
}

static void check(const struct images *images, uint64_t address, uint64_t time, const char *name)
{
	const struct image *image = images_find(images, address, time);

	fprintf(stderr, "%" PRIx64 " at %" PRIu64 "\n", address, time);
	if (name) {
		CHECK(image != NULL);
		CHECK_STR(image->name, name);
	} else {
		CHECK(image == NULL);
	}
}

static void try_lives(void)
{
	struct life_list retired = SLIST_HEAD_INITIALIZER(retired);
	struct images images;
	struct image *a;

	images_init(&images, &retired);
	a = add(&images, "bpf_prog_a", 0x1000, 0x100, 10);
	CHECK(life_holds(a->life, 10) && !life_holds(a->life, 9));
	images_end(&images, 0x1000, 20);
	images_reap(&images, 1000, 100); /* it is noticed long after it ended */
	/* What was cached of it holds until something else stands there. */
	CHECK(life_holds(a->life, 25));
	add(&images, "bpf_prog_b", 0x1040, 0x100, 30);
	CHECK(life_holds(a->life, 29) && !life_holds(a->life, 30));
	images_end(&images, 0x1040, 40);
	add(&images, "bpf_prog_c", 0x1000, 0x80, 50);

	check(&images, 0x1050, 5, NULL);
	check(&images, 0x1050, 10, "bpf_prog_a");
	check(&images, 0x1050, 19, "bpf_prog_a");
	check(&images, 0x1050, 25, "bpf_prog_a"); /* the last CPU may still be in it */
	check(&images, 0x1050, 30, "bpf_prog_b");
	check(&images, 0x1050, 45, "bpf_prog_b");
	check(&images, 0x1050, 50, "bpf_prog_c");
	check(&images, 0x1010, 25, "bpf_prog_a");
	check(&images, 0x1010, 35, NULL); /* memory is given back as a whole */
	check(&images, 0x1010, 60, "bpf_prog_c");
	check(&images, 0x1090, 45, "bpf_prog_b");
	check(&images, 0x1090, 60, NULL);
	check(&images, 0x1140, 60, NULL);
	CHECK_EQ(images_last_end(&images, 0x1000, 0x1001), 20);
	CHECK_EQ(images_last_end(&images, 0x1100, 0x1101), 40);
	CHECK_EQ(images_last_end(&images, 0x2000, 0x2001), 0);

	/* Reports were lost: of the time since nothing can be said by what is dead. */
	images_end(&images, 0x1000, 70);
	images_doubt_dead(&images, 80);
	check(&images, 0x1050, 79, "bpf_prog_c");
	check(&images, 0x1050, 80, NULL);
	check(&images, 0x1050, 45, "bpf_prog_b");
	add(&images, "bpf_prog_c", 0x1000, 0x80, 90);

	images_reap(&images, 1100, 100);
	check(&images, 0x1050, 19, "bpf_prog_a");
	images_reap(&images, 1101, 100);
	check(&images, 0x1050, 19, NULL);
	check(&images, 0x1050, 30, "bpf_prog_b");
	images_bury(&images);
	lives_free(&retired);

	/* An end that was never reported. */
	add(&images, "bpf_prog_d", 0x1070, 0x20, 100);
	check(&images, 0x1010, 95, "bpf_prog_c");
	check(&images, 0x1010, 110, NULL);
	check(&images, 0x1075, 110, "bpf_prog_d");
	CHECK(images_at(&images, 0x1000) == NULL);
	/* A better guess of when it came. */
	a = images_at(&images, 0x1070);
	CHECK_EQ(images_delay(&images, a, 105), 0);
	check(&images, 0x1075, 104, NULL);
	check(&images, 0x1075, 105, "bpf_prog_d");
	CHECK_EQ(images_delay(&images, a, 50), 0);
	check(&images, 0x1075, 104, NULL);
	CHECK(life_holds(a->life, 105) && !life_holds(a->life, 104));
	images_deinit(&images);
	lives_free(&retired);
}

static void try_trampolines(void)
{
	struct life_list retired = SLIST_HEAD_INITIALIZER(retired);
	struct images images;

	/* Reported as a page each, though they share one with programs. */
	images_init(&images, &retired);
	add(&images, "bpf_prog_far", 0x1800, 0x100, 1);
	add(&images, "bpf_trampoline_1", 0x1000, 0x1000, 2);
	check(&images, 0x17ff, 5, "bpf_trampoline_1");
	check(&images, 0x1800, 5, "bpf_prog_far");
	check(&images, 0x1900, 5, NULL);
	add(&images, "bpf_trampoline_2", 0x1200, 0x1000, 10);
	add(&images, "bpf_prog_near", 0x1100, 0x40, 20);
	check(&images, 0x10ff, 25, "bpf_trampoline_1");
	check(&images, 0x1100, 25, "bpf_prog_near");
	check(&images, 0x1150, 25, NULL);
	check(&images, 0x1250, 25, "bpf_trampoline_2");
	/* What stood beside it is not swallowed when it is gone. */
	images_end(&images, 0x1100, 30);
	check(&images, 0x1110, 35, "bpf_prog_near");
	check(&images, 0x1110, 15, NULL);
	images_deinit(&images);
	lives_free(&retired);
}

static struct location at(uint64_t address)
{
	return (struct location){ .address = address, .kind = LOCATION_BPF_PROGRAM };
}

static size_t render(const struct location *location, char *buffer, size_t size)
{
	char text[1024];
	size_t length = location->address & 1 ? 1000 : 5; /* longer than the first try */

	memset(text, 'x', sizeof(text));
	memcpy(buffer, text, length < size ? length : size);
	return length;
}

static void try_cache(void)
{
	struct life_list retired = SLIST_HEAD_INITIALIZER(retired);
	struct location_cache cache;
	struct life *early = life_new(10), *late = life_new(30);
	const struct location *first, *second, *found;
	struct location location = at(0x1001);

	CHECK_EQ(location_cache_init(&cache, 100, render), 0);
	CHECK(location_cache_find(&cache, 0x1001, 15) == NULL);
	early->until = 20;
	first = location_cache_add(&cache, &location, early);
	second = location_cache_add(&cache, &location, late);
	CHECK_EQ(first->text_length, 1000);
	CHECK_EQ(strlen(first->text), 1000);
	CHECK(location_cache_find(&cache, 0x1001, 9) == NULL);
	CHECK(location_cache_find(&cache, 0x1001, 10) == first);
	CHECK(location_cache_find(&cache, 0x1001, 19) == first);
	CHECK(location_cache_find(&cache, 0x1001, 20) == NULL);
	CHECK(location_cache_find(&cache, 0x1001, 1000) == second);

	life_retire(early, &retired);
	CHECK(location_cache_find(&cache, 0x1001, 15) == NULL);
	CHECK_EQ(cache.cache.n, 2);
	cache_sweep(&cache.cache);
	CHECK_EQ(cache.cache.n, 1);
	CHECK_EQ(early->users, 0);
	lives_free(&retired);

	/* Over the bound what is in use stays. */
	for (uint64_t i = 0; i < 5000; i++) {
		location = at(0x100000 + 16 * i);
		CHECK(location_cache_add(&cache, &location, late) != NULL);
	}
	cache_sweep(&cache.cache);
	CHECK(cache.cache.n <= 100);
	CHECK(cache.cache.n > 0);
	for (unsigned int round = 0; round < 3; round++) {
		location = at(0x2000);
		found = location_cache_find(&cache, 0x2000, 50);
		if (round == 0)
			CHECK(location_cache_add(&cache, &location, late) != NULL);
		else
			CHECK(found != NULL);
		for (uint64_t i = 0; i < 90; i++) {
			location = at(0x300000 + 16 * i + 0x10000 * round);
			CHECK(location_cache_add(&cache, &location, late) != NULL);
		}
		CHECK(location_cache_find(&cache, 0x2000, 50) != NULL);
		cache_sweep(&cache.cache);
	}
	CHECK_EQ(late->users, cache.cache.n);
	location_cache_deinit(&cache);
	life_retire(late, &retired);
	lives_free(&retired);
}

int main(void)
{
	try_lives();
	try_trampolines();
	try_cache();
	return 0;
}
