/* SPDX-License-Identifier: Apache-2.0 */
/* Build ids in notes, the places of debug information, and files that are cut off while mapped. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/symbol/build-id.h"
#include "daemon/symbol/debug-info.h"
#include "daemon/symbol/mapped-file.h"
#include "tests/unit/check.h"

/* Another note first, with a name and content that need padding. */
static const unsigned char notes[] = {
	6, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0,
	'L', 'i', 'n', 'u', 'x', 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0,
	4, 0, 0, 0, 6, 0, 0, 0, 3, 0, 0, 0,
	'G', 'N', 'U', 0, 0xab, 0xcd, 0, 1, 2, 0xff, 0, 0,
};

static void test_build_ids(void)
{
	char text[BUILD_ID_TEXT];
	struct build_id id, other;

	CHECK(build_id_find(notes, sizeof(notes), &id));
	build_id_format(&id, text);
	CHECK_STR(text, "abcd000102ff");
	other = id;
	CHECK(build_id_equal(&id, &other));
	other.length--;
	CHECK(!build_id_equal(&id, &other));
}

static void test_cut_notes(void)
{
	struct build_id id;

	for (size_t size = 0; size < sizeof(notes); size++) {
		unsigned char *copy = malloc(size ? size : 1);

		memcpy(copy, notes, size);
		CHECK(!build_id_find(copy, size, &id));
		free(copy);
	}
}

static void test_changed_notes(void)
{
	unsigned char copy[sizeof(notes)];
	struct build_id id;

	for (size_t i = 0; i < sizeof(notes); i++) {
		memcpy(copy, notes, sizeof(notes));
		copy[i] = 0xff;
		id.length = 0;
		if (build_id_find(copy, sizeof(copy), &id))
			CHECK(id.length > 0 && id.length <= sizeof(id.bytes));
	}
}

static void test_missing_notes(void)
{
	struct build_id id;

	CHECK(build_id_read("/nonexistent/notes", &id) < 0);
	CHECK_EQ(id.length, 0);
	CHECK(build_id_read("/dev/null", &id) < 0);
}

struct paths {
	size_t n, max;
	char text[4096];
};

static bool take_path(const char *path, void *userdata)
{
	struct paths *paths = userdata;

	strcat(strcat(paths->text, path), "\n");
	return ++paths->n < paths->max;
}

static void test_paths_of_the_kernel(void)
{
	struct paths paths = { .max = 100 };

	debug_info_paths("", "vmlinux", "abcdef", "6.1.0", take_path, &paths);
	CHECK_STR(paths.text,
		  "/usr/lib/debug/.build-id/ab/cdef.debug\n"
		  "/usr/lib/debug/boot/vmlinux-6.1.0\n"
		  "/usr/lib/debug/lib/modules/6.1.0/vmlinux\n"
		  "/usr/lib/debug/lib/modules/6.1.0/vmlinux.debug\n"
		  "/usr/lib/debug/boot/vmlinux-6.1.0.debug\n"
		  "/lib/modules/6.1.0/build/vmlinux\n"
		  "/lib/modules/6.1.0/vmlinux\n"
		  "/boot/vmlinux-6.1.0\n");
	paths = (struct paths){ .max = 2 };
	debug_info_paths("", "vmlinux", "abcdef", "6.1.0", take_path, &paths);
	CHECK_EQ(paths.n, 2);
}

static void test_paths_of_a_module(void)
{
	char root[] = "/tmp/test-debug-info-XXXXXX", command[512], expected[256];
	struct paths paths = { .max = 100 };

	CHECK(mkdtemp(root) != NULL);
	snprintf(command, sizeof(command), "mkdir -p %s/lib/modules/6.1.0 && printf '%s' > "
		 "%s/lib/modules/6.1.0/modules.dep", root,
		 "kernel/a/my-module-2.ko:\\nkernel/b/my-module.ko.xz: kernel/a/x.ko\\n"
		 "kernel/c/their_my-module.ko:\\n", root);
	CHECK_EQ(system(command), 0);
	debug_info_paths(root, "my_module", "abcdef", "6.1.0", take_path, &paths);
	snprintf(expected, sizeof(expected),
		 "%s/usr/lib/debug/.build-id/ab/cdef.debug\n"
		 "%s/usr/lib/debug/lib/modules/6.1.0/kernel/b/my-module.ko\n", root, root);
	CHECK(!strncmp(paths.text, expected, strlen(expected)));
	CHECK(strstr(paths.text, "/lib/modules/6.1.0/kernel/b/my-module.ko.xz\n") != NULL);
	CHECK(strstr(paths.text, "/lib/modules/6.1.0/extra/my_module.ko\n") != NULL);
	CHECK(!strstr(paths.text, "their") && !strstr(paths.text, "module-2"));
	snprintf(command, sizeof(command), "rm -r %s", root);
	CHECK_EQ(system(command), 0);
}

struct reading {
	const volatile char *page;
	char first;
};

static void read_page(void *userdata)
{
	struct reading *reading = userdata;

	reading->first = reading->page[0];
}

static void test_a_file_that_is_cut_off(void)
{
	char path[] = "/tmp/test-debug-info-XXXXXX";
	int fd = mkstemp(path);
	struct reading reading = {};
	void *map;

	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	reading.page = map;
	CHECK(mapped_file_read(read_page, &reading));
	CHECK_EQ(reading.first, 'x');
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(ftruncate(fd, 0), 0);
		CHECK(!mapped_file_read(read_page, &reading));
		CHECK(ftruncate(fd, 1) == 0 && mapped_file_read(read_page, &reading));
	}
	munmap(map, 4096);
	close(fd);
	unlink(path);
}

int main(void)
{
	test_build_ids();
	test_cut_notes();
	test_changed_notes();
	test_missing_notes();
	test_paths_of_the_kernel();
	test_paths_of_a_module();
	test_a_file_that_is_cut_off();
	return 0;
}
