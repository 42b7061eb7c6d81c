/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of an index file that is whole, and what becomes of each that is not.
 * usage: test-index INDEX
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/symbol/index-format.h"
#include "daemon/symbol/index.h"
#include "tests/unit/check.h"

#define MAX_FRAMES 16

static uint8_t *whole;
static size_t size;
static char path[64]; /* of a copy, for damage */
static int copy;

static void read_whole(const char *from)
{
	FILE *f = fopen(from, "rb");
	struct stat st;

	CHECK(f && fstat(fileno(f), &st) == 0);
	size = st.st_size;
	whole = malloc(size);
	CHECK(whole && fread(whole, 1, size, f) == size);
	fclose(f);
	copy = memfd_create("copy", 0);
	CHECK(copy >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	CHECK_EQ(pwrite(copy, whole, size, 0), size);
}

static const struct index_region *regions(size_t *ret_n)
{
	const struct index_header *header = (const void *)whole;

	*ret_n = header->tables[INDEX_REGIONS].count;
	return (const void *)(whole + header->tables[INDEX_REGIONS].offset);
}

static struct index *open_copy(void)
{
	struct index *index = NULL;

	CHECK_EQ(index_open(path, NULL, 0, &index, NULL), 0);
	return index;
}

/* Asks for every address; returns the number of those that are known. */
static size_t look_up_all(struct index *index, size_t *ret_deepest)
{
	struct location_frame frames[MAX_FRAMES];
	size_t n_regions, known = 0, deepest = 0;
	const struct index_region *r = regions(&n_regions);

	for (size_t i = 0; i < n_regions; i++)
		for (uint64_t a = r[i].start - 1; a != r[i].start + r[i].size + 1; a++) {
			size_t n = index_lookup(index, a, frames, MAX_FRAMES);

			CHECK(n <= MAX_FRAMES);
			known += n > 0;
			deepest = n > deepest ? n : deepest;
			for (size_t k = 0; k < n; k++)
				CHECK(!frames[k].file || strlen(frames[k].file) < INDEX_PIECE_SIZE);
		}
	*ret_deepest = deepest;
	return known;
}

static void test_whole(void)
{
	struct index *index = open_copy();
	uint64_t start, base, length;
	size_t deepest, n;

	CHECK(look_up_all(index, &deepest) > 500);
	CHECK(deepest >= 4);
	CHECK(!index_damaged(index));
	CHECK_EQ(index_verify(index), 0);
	CHECK_EQ(index_size(index), size);
	CHECK(!index_text_start(index, &start));
	CHECK(!index_section(index, ".text", &base, &length));
	CHECK(index_build_id(index, &n) != NULL);
	CHECK_EQ(n, 20);
	index_close(index);
	index_close(NULL);
}

/* With room for few frames the innermost come first, and the function itself is still the last. */
static void test_little_room(void)
{
	struct index *index = open_copy();
	size_t n_regions, deep = 0;
	const struct index_region *r = regions(&n_regions);

	for (size_t i = 0; i < n_regions; i++)
		for (uint64_t a = r[i].start; a < r[i].start + r[i].size; a++) {
			struct location_frame all[MAX_FRAMES], few[2];
			size_t n = index_lookup(index, a, all, MAX_FRAMES);

			if (n < 3)
				continue;
			deep++;
			CHECK_EQ(index_lookup(index, a, few, 0), 0);
			CHECK_EQ(index_lookup(index, a, few, 1), 1);
			CHECK_STR(few[0].function, all[n - 1].function);
			CHECK_EQ(index_lookup(index, a, few, 2), 2);
			CHECK_STR(few[0].function, all[0].function);
			CHECK_EQ(few[0].line, all[0].line);
			CHECK_STR(few[1].function, all[n - 1].function);
			CHECK_EQ(few[1].line, all[n - 1].line);
		}
	CHECK(deep > 0);
	index_close(index);
}

static int open_why(const void *id, size_t length)
{
	const char *reason = NULL;
	struct index *index = NULL;
	int r = index_open(path, id, length, &index, &reason);

	CHECK((r == 0) == (index != NULL));
	CHECK((r == 0) == (reason == NULL));
	index_close(index);
	return r;
}

static void test_build_id(void)
{
	const struct index_header *header = (const void *)whole;
	uint8_t id[INDEX_MAX_BUILD_ID];

	memcpy(id, header->build_id, sizeof(id));
	CHECK_EQ(open_why(id, header->build_id_length), 0);
	CHECK_EQ(open_why(id, header->build_id_length - 1), INDEX_E_BUILD_ID);
	id[3] ^= 1;
	CHECK_EQ(open_why(id, header->build_id_length), INDEX_E_BUILD_ID);
}

static void test_not_an_index(void)
{
	struct index *index;

	CHECK_EQ(index_open("/nonexistent/index", NULL, 0, &index, NULL), -ENOENT);
	CHECK_EQ(index_open("/", NULL, 0, &index, NULL), INDEX_E_FOREIGN);
	CHECK_EQ(index_open("/dev/null", NULL, 0, &index, NULL), INDEX_E_FOREIGN);
	CHECK_EQ(index_open("/proc/self/exe", NULL, 0, &index, NULL), INDEX_E_FOREIGN);
}

static void put_back(void)
{
	CHECK_EQ(ftruncate(copy, size), 0);
	CHECK_EQ(pwrite(copy, whole, size, 0), size);
}

static void test_other_version(void)
{
	struct index_header header;

	memcpy(&header, whole, sizeof(header));
	header.version++;
	CHECK_EQ(pwrite(copy, &header, sizeof(header), 0), sizeof(header));
	CHECK_EQ(open_why(NULL, 0), INDEX_E_VERSION);
	header.version = __builtin_bswap32(INDEX_VERSION);
	CHECK_EQ(pwrite(copy, &header, sizeof(header), 0), sizeof(header));
	CHECK_EQ(open_why(NULL, 0), INDEX_E_VERSION);
	put_back();
}

static void test_every_truncation(void)
{
	for (size_t n = size; n-- > 0;) {
		CHECK_EQ(ftruncate(copy, n), 0);
		CHECK_EQ(open_why(NULL, 0), n < 8 ? INDEX_E_FOREIGN : INDEX_E_CORRUPT);
	}
	put_back();
	CHECK_EQ(pwrite(copy, "", 1, size), 1);
	CHECK_EQ(open_why(NULL, 0), INDEX_E_CORRUPT);
	put_back();
}

/* No byte is without meaning: if the file opens, the damage is found, and answers are safe. */
static void test_every_byte(void)
{
	for (size_t at = 0; at < size; at++) {
		uint8_t damaged = whole[at] ^ (1 << at % 8);
		struct index *index = NULL;
		size_t deepest;

		CHECK_EQ(pwrite(copy, &damaged, 1, at), 1);
		if (index_open(path, NULL, 0, &index, NULL) == 0) {
			/* To ask for every address each time would take minutes. */
			if (at % 97 == 0)
				look_up_all(index, &deepest);
			CHECK_EQ(index_verify(index), INDEX_E_CORRUPT);
			CHECK(index_damaged(index));
			index_close(index);
		}
		CHECK_EQ(pwrite(copy, &whole[at], 1, at), 1);
	}
	CHECK_EQ(open_why(NULL, 0), 0);
}

int main(int argc, char **argv)
{
	CHECK_EQ(argc, 2);
	read_whole(argv[1]);
	test_whole();
	test_little_room();
	test_build_id();
	test_not_an_index();
	test_other_version();
	test_every_truncation();
	test_every_byte();
	free(whole);
	return 0;
}
