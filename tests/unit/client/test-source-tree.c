/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of files below a directory, and everything that a hostile name or tree could try. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/source-tree.h"
#include "tests/unit/check.h"

static struct source_tree *tree;

static void put_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* The line as text; NULL: there is none. */
static const char *find(const char *name, uint64_t line)
{
	const struct json_slice file = { name, strlen(name) };
	static char text[256];
	struct json_slice found;

	if (!source_tree_find(tree, &file, line, &found))
		return NULL;
	snprintf(text, sizeof(text), "%.*s", (int)found.length, found.data);
	return text;
}

static void try_lines(void)
{
	CHECK_STR(find("net/core.c", 1), "first");
	CHECK_STR(find("net/core.c", 2), "second line");
	CHECK(!find("net/core.c", 3)); /* blank */
	CHECK_STR(find("net/core.c", 4), "dos");
	CHECK_STR(find("net/core.c", 5), "no end");
	CHECK(!find("net/core.c", 0));
	CHECK(!find("net/core.c", 6));
	CHECK(!find("net/core.c", UINT64_MAX));
	CHECK(!find("empty.c", 1));
}

static void try_names(void)
{
	CHECK_STR(find("/build/linux-6.12/net/core.c", 1), "first");
	CHECK_STR(find("/build/a/../../x/./debian/..//net/core.c", 1), "first");
	CHECK_STR(find("../../../../net/core.c", 1), "first");
	/* The longest end that is there, not the next best. */
	CHECK_STR(find("/build/core.c", 1), "another");
	CHECK_STR(find("/build/net/core.c", 1), "first");
	CHECK(!find("/build/nett/none.c", 1));
	CHECK(!find("net", 1));
	for (const char *const *name = (const char *const[]){ "", "/", ".", "..", "../..", "//", "/.",
							       "net/", NULL }; *name; name++)
		CHECK(!find(*name, 1));
}

static void try_what_leads_out(const char *outside)
{
	char absolute[300];

	snprintf(absolute, sizeof(absolute), "%s/secret.c", outside);
	CHECK_EQ(access(absolute, R_OK), 0);
	CHECK(!find(absolute, 1));
	CHECK(!find("../outside/secret.c", 1));
	CHECK(!find("net/../../outside/secret.c", 1));
	CHECK(!find("absolute.c", 1));
	CHECK(!find("relative.c", 1));
	CHECK(!find("directory/secret.c", 1));
	CHECK_STR(find("inside.c", 1), "first");
}

static void try_what_is_no_source(void)
{
	struct json_slice name = { "core.c\0", 7 }, found;
	char longest[4000];

	CHECK(!find("pipe.c", 1)); /* and nobody waits for a writer */
	CHECK(!find("huge.c", 1));
	CHECK(!source_tree_find(tree, &name, 1, &found));
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CHECK(!find(longest, 1));
	memset(longest, '/', sizeof(longest) - 1);
	CHECK(!find(longest, 1));
}

/* Read once; forgotten when there are many. */
static void try_memory(void)
{
	char name[64];

	put_file("late.c", "old\n");
	CHECK_STR(find("late.c", 1), "old");
	put_file("late.c", "new\n");
	CHECK_STR(find("late.c", 1), "old");
	source_tree_tidy(tree);
	CHECK_STR(find("late.c", 1), "old");
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "none-%d.c", i);
		CHECK(!find(name, 1));
	}
	source_tree_tidy(tree);
	CHECK_STR(find("late.c", 1), "new");
}

int main(void)
{
	char directory[] = "/tmp/source-tree-XXXXXX", outside[256], command[256];

	CHECK(mkdtemp(directory) && chdir(directory) == 0);
	CHECK(mkdir("tree", 0700) == 0 && mkdir("outside", 0700) == 0);
	snprintf(outside, sizeof(outside), "%s/outside", directory);
	put_file("outside/secret.c", "secret\n");
	CHECK(chdir("tree") == 0 && mkdir("net", 0700) == 0);
	put_file("net/core.c", "first\n\t second line \n \t\ndos\r\nno end");
	put_file("core.c", "another\n");
	put_file("empty.c", "");
	put_file("huge.c", "big\n");
	CHECK_EQ(truncate("huge.c", 1ll << 40), 0);
	CHECK_EQ(mkfifo("pipe.c", 0600), 0);
	CHECK_EQ(symlink("/etc/passwd", "absolute.c"), 0);
	CHECK_EQ(symlink("../outside/secret.c", "relative.c"), 0);
	CHECK_EQ(symlink("../outside", "directory"), 0);
	CHECK_EQ(symlink("net/core.c", "inside.c"), 0);

	CHECK_EQ(source_tree_new("nowhere", &tree), -ENOENT);
	CHECK_EQ(source_tree_new("core.c", &tree), -ENOTDIR);
	CHECK_EQ(source_tree_new(".", &tree), 0);
	try_lines();
	try_names();
	try_what_leads_out(outside);
	try_what_is_no_source();
	try_memory();
	source_tree_free(tree);

	snprintf(command, sizeof(command), "rm -r %s", directory);
	CHECK(chdir("/") == 0 && system(command) == 0);
	return 0;
}
