/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a kernel and of a module on a made-up /sys: who is asked for, what is found where, and
 * what becomes of it when modules come, go and come back.
 * usage: test-lines KERNEL-INDEX MODULE-INDEX INDEX-OF-THE-MODULE-REBUILT
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "daemon/symbol/index-format.h"
#include "daemon/symbol/lines.h"
#include "tests/unit/check.h"

#define TEXT 0xffffffffc0401000
#define ELSEWHERE 0xffffffffc0501000
#define COLD 0xffffffffc0409000 /* of .text.unlikely */
#define STEXT 0xffffffff9d200000

static const char *kernel_path, *module_path, *rebuilt_path;
static char sysfs[] = "/tmp/test-lines-XXXXXX";

/* ---- the made-up world ---- */

static struct module loaded_module = {.name = "sample", .size = 0x10000};
static struct modules loaded = {.modules = &loaded_module};

static void write_file(const char *name, const void *data, size_t size)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", sysfs, name);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static struct index *open_index(const char *path)
{
	struct index *index = NULL;

	CHECK_EQ(index_open(path, NULL, 0, &index, NULL), 0);
	return index;
}

static void write_build_id(const char *name, const char *path)
{
	struct index *index = open_index(path);
	unsigned char note[16 + INDEX_MAX_BUILD_ID] = {4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 'G', 'N',
						       'U', 0};
	const void *id;
	size_t length;

	id = index_build_id(index, &length);
	note[4] = length;
	memcpy(note + 16, id, length);
	write_file(name, note, 16 + length);
	index_close(index);
}

static void write_section(const char *name, uint64_t address)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "module/sample/sections/%s", name);
	write_file(path, text, snprintf(text, sizeof(text), "0x%016" PRIx64 "\n", address));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void remove_files(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", sysfs, name);
	CHECK_EQ(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void load_module(const char *index, uint64_t text)
{
	write_build_id("module/sample/notes/.note.gnu.build-id", index);
	write_section(".text", text);
	write_section(".text.unlikely", COLD);
	write_file("module/sample/sections/.data", "0xffffffffc0420000\n", 19);
	write_file("module/sample/sections/.bss", "garbage\n", 8);
	loaded_module.start = text & ~UINT64_C(0xfff);
	loaded.n_modules = 1;
}

static void unload_module(void)
{
	remove_files("module/sample");
	loaded.n_modules = 0;
}

/* ---- who is asked for ---- */

static unsigned int n_needed, n_damaged;
static char needed[64];

static void on_need(const struct symbol_object *object, void *userdata)
{
	n_needed++;
	n_damaged += object->damaged;
	strcpy(needed, object->name);
	CHECK(object->build_id->length == 20);
}

static void start(struct lines *lines)
{
	lines_init(lines, sysfs, &loaded, on_need, NULL);
	lines->text_start = STEXT;
	n_needed = n_damaged = 0;
}

/* ---- what is found ---- */

static struct location_frame frames[INDEX_MAX_FRAMES];

static struct location find(struct lines *lines, uint64_t address, const char *module)
{
	struct location location = {.address = address, .module = module};

	lines_find(lines, &location, frames);
	return location;
}

static struct location find_former(struct lines *lines, uint64_t address, uint64_t timestamp)
{
	struct location location = {.address = address, .module = "sample"};

	lines_find_former(lines, &location, timestamp, frames);
	return location;
}

/* What is found at [start, start + size) is what stands in the index at `base`. */
static size_t check_range(struct lines *lines, uint64_t begin, const char *module,
		struct index *index, uint64_t base, uint64_t size)
{
	size_t inlined = 0;

	for (uint64_t offset = 0; offset < size; offset++) {
		struct location_frame expected[INDEX_MAX_FRAMES];
		size_t n = index_lookup(index, base + offset, expected, INDEX_MAX_FRAMES);
		struct location got = find(lines, begin + offset, module);

		if (n == 0) {
			CHECK(!got.file && !got.n_frames);
			continue;
		}
		CHECK_EQ(got.n_frames, n - 1);
		CHECK_EQ(got.line, expected[n - 1].line);
		CHECK(!got.file == !expected[n - 1].file);
		if (got.file)
			CHECK_STR(got.file, expected[n - 1].file);
		for (size_t i = 0; i + 1 < n; i++) {
			CHECK_STR(got.frames[i].function, expected[i].function);
			CHECK_EQ(got.frames[i].line, expected[i].line);
		}
		inlined += n > 1;
	}
	return inlined;
}

static void check_module(struct lines *lines, const char *path, uint64_t text)
{
	struct index *index = open_index(path);
	uint64_t base, size;

	CHECK(index_section(index, ".text", &base, &size));
	CHECK(check_range(lines, text, "sample", index, base, size) > 10);
	CHECK(!find(lines, text - 1, "sample").file);
	CHECK(!find(lines, text + size, "sample").file);
#ifndef __clang__ /* which keeps with the rest what is cold */
	CHECK(index_section(index, ".text.unlikely", &base, &size));
	check_range(lines, COLD, "sample", index, base, size);
#endif
	index_close(index);
}

static bool has_line(struct location location)
{
	return location.file && location.line;
}

/* ---- the tests ---- */

static void test_kernel(void)
{
	struct index *index = open_index(kernel_path);
	uint64_t text_start;
	struct lines lines;

	start(&lines);
	lines.text_start = 0; /* addresses are hidden */
	lines_need_kernel(&lines);
	CHECK_EQ(n_needed, 0);
	CHECK(!lines_take(&lines, open_index(kernel_path)));
	lines.text_start = STEXT;
	find(&lines, STEXT, NULL);
	find(&lines, STEXT, NULL);
	CHECK_EQ(n_needed, 1);
	CHECK_STR(needed, "vmlinux");

	CHECK(!lines_take(&lines, open_index(module_path)));
	CHECK(lines_take(&lines, open_index(kernel_path)) == &lines.kernel);
	CHECK_EQ(lines_mapped(&lines), index_size(index));
	CHECK(index_text_start(index, &text_start));
	CHECK(check_range(&lines, STEXT, NULL, index, text_start, 0x200) > 10);
	lines_deinit(&lines);
	index_close(index);
}

static void test_module(void)
{
	struct lines lines;

	load_module(module_path, TEXT);
	start(&lines);
	CHECK(!has_line(find(&lines, TEXT, "sample")));
	CHECK(!has_line(find(&lines, TEXT, "sample")));
	CHECK_EQ(n_needed, 1);
	CHECK_STR(needed, "sample");
	CHECK(!lines_take(&lines, open_index(rebuilt_path)));
	CHECK(lines_take(&lines, open_index(module_path)) != NULL);
	check_module(&lines, module_path, TEXT);
	/* Another module came: nothing changes, and nothing is asked for again. */
	lines_follow_modules(&lines);
	check_module(&lines, module_path, TEXT);
	CHECK_EQ(n_needed, 1);
	/* It is about to go, and another one went. */
	remove_files("module/sample/sections");
	lines_follow_modules(&lines);
	check_module(&lines, module_path, TEXT);
	lines_deinit(&lines);
	unload_module();
}

/* Records of the time before still find it. */
static void check_former(struct lines *lines, uint64_t before)
{
	struct location location = find_former(lines, TEXT, before);

	CHECK(has_line(location));
	CHECK(!has_line(find_former(lines, TEXT, clock_ns(CLOCK_MONOTONIC))));
}

static void test_module_goes(void)
{
	struct lines lines;
	uint64_t before;

	load_module(module_path, TEXT);
	start(&lines);
	find(&lines, TEXT, "sample");
	lines_take(&lines, open_index(module_path));
	before = clock_ns(CLOCK_MONOTONIC);
	unload_module();
	lines_follow_modules(&lines);
	check_former(&lines, before);
	lines_forget_modules(&lines, before);
	check_former(&lines, before);
	lines_forget_modules(&lines, clock_ns(CLOCK_MONOTONIC));
	CHECK(!has_line(find_former(&lines, TEXT, before)));
	CHECK_EQ(lines_mapped(&lines), 0);
	lines_bury(&lines);
	lines_deinit(&lines);
}

/* Elsewhere, as it was; then rebuilt, where it was. */
static void test_module_comes_back(void)
{
	struct lines lines;
	uint64_t before;

	load_module(module_path, TEXT);
	start(&lines);
	find(&lines, TEXT, "sample");
	lines_take(&lines, open_index(module_path));
	before = clock_ns(CLOCK_MONOTONIC);
	load_module(module_path, ELSEWHERE);
	lines_follow_modules(&lines);
	CHECK(!has_line(find(&lines, ELSEWHERE, "sample")));
	CHECK_EQ(n_needed, 2);
	CHECK(lines_take(&lines, open_index(module_path)) != NULL);
	check_module(&lines, module_path, ELSEWHERE);
	check_former(&lines, before);
	lines_forget_modules(&lines, clock_ns(CLOCK_MONOTONIC));

	load_module(rebuilt_path, ELSEWHERE);
	lines_follow_modules(&lines);
	CHECK(!has_line(find(&lines, ELSEWHERE, "sample")));
	CHECK_EQ(n_needed, 3);
	CHECK(!lines_take(&lines, open_index(module_path)));
	CHECK(lines_take(&lines, open_index(rebuilt_path)) != NULL);
	check_module(&lines, rebuilt_path, ELSEWHERE);
	lines_deinit(&lines);
	unload_module();
}

/* A copy whose bulk is not what was written opens, answers nothing and is asked for again. */
static void test_damaged(void)
{
	char copy[] = "/tmp/test-lines-XXXXXX", command[256];
	struct index_header header;
	struct lines lines;
	int fd = mkstemp(copy);
	uint8_t byte;

	snprintf(command, sizeof(command), "cp %s %s", module_path, copy);
	CHECK(fd >= 0 && system(command) == 0);
	CHECK_EQ(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (uint64_t at = header.head_size; at < header.file_size; at += 64) {
		CHECK_EQ(pread(fd, &byte, 1, at), 1);
		byte ^= 0x55;
		CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
	}
	load_module(module_path, TEXT);
	start(&lines);
	find(&lines, TEXT, "sample");
	lines_take(&lines, open_index(copy));
	CHECK(!has_line(find(&lines, TEXT, "sample")));
	CHECK_EQ(n_damaged, 0); /* nothing in it could be looked up: it knows of no section */
	lines_deinit(&lines);

	/* The names of sections are read, and then it is cut off. */
	CHECK_EQ(system(command), 0);
	start(&lines);
	find(&lines, TEXT, "sample");
	lines_take(&lines, open_index(copy));
	CHECK(has_line(find(&lines, TEXT, "sample")));
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK(!has_line(find(&lines, TEXT, "sample")));
	CHECK_EQ(n_damaged, 1);
	lines_take(&lines, open_index(module_path));
	CHECK(has_line(find(&lines, TEXT, "sample")));
	lines_deinit(&lines);
	unload_module();
	close(fd);
	unlink(copy);
}

int main(int argc, char **argv)
{
	CHECK_EQ(argc, 4);
	kernel_path = argv[1];
	module_path = argv[2];
	rebuilt_path = argv[3];
	CHECK(mkdtemp(sysfs) != NULL);
	write_build_id("kernel/notes", kernel_path);
	test_kernel();
	test_module();
	test_module_goes();
	test_module_comes_back();
	test_damaged();
	CHECK_EQ(nftw(sysfs, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	return 0;
}
