/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of an index from what symbols want to lines in locations, with a made-up /sys, root
 * directory and cache: where debug information is found, and what a builder costs that hangs, eats
 * memory, crashes or writes nonsense: the lines of one object, and a word in its status.
 * usage: test-jobs LBRD-INDEX KERNEL MODULE
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/sanitized.h"
#include "daemon/index-job.h"
#include "daemon/symbol/index.h"
#include "tests/unit/check.h"

#define KERNEL_TEXT 0xffffffff81000000
#define MODULE_TEXT 0xffffffffc0401000

static const char *builder, *kernel, *module;
static char here[] = "/tmp/test-jobs-XXXXXX";
static char release[65];

/* ---- files ---- */

__attribute__((format(printf, 1, 2)))
static void shell(const char *format, ...)
{
	char command[2048];
	va_list arguments;
	int length = snprintf(command, sizeof(command), "set -e; cd %s; exec 2>&1;", here);

	va_start(arguments, format);
	vsnprintf(command + length, sizeof(command) - length, format, arguments);
	va_end(arguments);
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

/* The same place below the directory of the test, for as long as the next is not asked for. */
static const char *at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", here, name);
	return path;
}

/* A program that takes lbrd-index' place. */
static const char *script(const char *text)
{
	static char path[64];
	FILE *file;

	strcpy(path, at("builder"));
	unlink(path); /* it may be a link to the true one */
	file = fopen(path, "w");
	CHECK(file && fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
	CHECK(fclose(file) == 0 && chmod(path, 0755) == 0);
	return path;
}

/* The build id of the object, as the kernel has it. */
static void write_notes(const char *object, const char *name)
{
	unsigned char note[16 + INDEX_MAX_BUILD_ID] = {4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
						       'G', 'N', 'U', 0};
	char command[512];
	FILE *from, *to = fopen(at(name), "w");

	snprintf(command, sizeof(command), "readelf -n %s | sed -n 's/.*Build ID: //p'", object);
	from = popen(command, "r");
	CHECK(from && to);
	while (note[4] < INDEX_MAX_BUILD_ID && fscanf(from, "%2hhx", &note[16 + note[4]]) == 1)
		note[4]++;
	CHECK_EQ(note[4], 20);
	CHECK_EQ(fwrite(note, 1, 16 + note[4], to), 16 + note[4]);
	CHECK(pclose(from) == 0 && fclose(to) == 0);
}

static void make_symbols(void)
{
	shell("printf '%%s\\n' 'ffffffff81000000 T _stext' 'ffffffff81000000 T fold'"
	      " 'ffffffff81100000 T last' 'ffffffffc0401000 t module_fold	[sample]'"
	      " 'ffffffffc0410000 t module_last	[sample]' >kallsyms");
	shell("mkdir -p sys/kernel sys/module/sample/notes sys/module/sample/sections;"
	      " echo 0xffffffffc0401000 >sys/module/sample/sections/.text");
	write_notes(kernel, "sys/kernel/notes");
	write_notes(module, "sys/module/sample/notes/.note.gnu.build-id");
}

/* ---- what lbrd consists of, as far as lines go ---- */

struct scene {
	struct event_base *base;
	struct symbols *symbols;
	struct index_jobs *jobs;
	unsigned int announced[4]; /* by state */
};

static void on_need(const struct symbol_object *object, void *userdata)
{
	struct scene *scene = userdata;

	index_jobs_want(object, scene->jobs);
}

static void on_changed(const struct index_status *status, void *userdata)
{
	struct scene *scene = userdata;

	scene->announced[status->state]++;
}

static const struct index_limits usual = {
	.memory = 1 << 30, .cpu = 50, .time = 50, .size = 16 << 20,
};

static void scene_init(struct scene *scene, const char *program, const struct index_limits *limits)
{
	static char kallsyms[64], sysfs[64], cache[64];
	struct symbols_config symbols = {
		.kallsyms_path = kallsyms, .sysfs_path = sysfs, .max_locations = 64,
		.need = on_need, .userdata = scene,
	};
	struct index_jobs_config jobs = {
		.builder = program, .directory = cache, .root = here, .limits = *limits,
		.changed = on_changed, .userdata = scene,
	};

	*scene = (struct scene){.base = event_base_new()};
	CHECK(scene->base && event_base_priority_init(scene->base, 2) == 0);
	strcpy(kallsyms, at("kallsyms"));
	strcpy(sysfs, at("sys"));
	strcpy(cache, at("cache"));
	CHECK_EQ(symbols_new(&symbols, &scene->symbols), 0);
	jobs.base = scene->base;
	jobs.symbols = scene->symbols;
	CHECK_EQ(index_jobs_new(&jobs, &scene->jobs), 0);
}

static void scene_deinit(struct scene *scene)
{
	index_jobs_free(scene->jobs);
	symbols_free(scene->symbols);
	event_base_free(scene->base);
}

static const struct index_status *status_of(const struct scene *scene, const char *name)
{
	const struct index_list *list = index_jobs_list(scene->jobs);

	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i]->name, name))
			return list->items[i];
	return NULL;
}

static const struct location *look(struct scene *scene, uint64_t address)
{
	symbols_refresh(scene->symbols);
	return symbols_resolve(scene->symbols, address, 0);
}

/* Turns the loop until the index has come to an end, whatever it is. */
static const struct index_status *wait_for(struct scene *scene, const char *name)
{
	const struct index_status *status;

	for (;;) {
		status = status_of(scene, name);
		if (status && status->state != INDEX_BUILDING &&
		    strcmp(status->message, "It is being looked for."))
			return status;
		CHECK_EQ(event_base_loop(scene->base, EVLOOP_ONCE), 0);
	}
}

static void check_state(const struct index_status *status, enum index_state state,
		const char *message)
{
	if (status->state != state || !strstr(status->message, message)) {
		fprintf(stderr, "%s: state %d, \"%s\", not %d, \"%s\"\n", status->name,
			status->state, status->message, state, message);
		exit(1);
	}
}

/* ---- where it is found ---- */

/* Both have lines, and each is built from the file of that name. */
static void check_found(const char *kernel_file, const char *module_file)
{
	struct scene scene;

	shell("rm -rf cache");
	scene_init(&scene, builder, &usual);
	CHECK(!look(&scene, KERNEL_TEXT)->file);
	CHECK(!look(&scene, MODULE_TEXT)->file);
	check_state(wait_for(&scene, "vmlinux"), INDEX_READY, kernel_file);
	check_state(wait_for(&scene, "sample"), INDEX_READY, module_file);
	CHECK_EQ(scene.announced[INDEX_BUILDING], 2);
	CHECK_EQ(scene.announced[INDEX_READY], 2);
	CHECK(look(&scene, KERNEL_TEXT)->file && look(&scene, KERNEL_TEXT)->line);
	CHECK(look(&scene, MODULE_TEXT)->file && look(&scene, MODULE_TEXT)->line);
	scene_deinit(&scene);

	/* The next lbrd takes them from the cache: nothing is built, and nobody is told. */
	scene_init(&scene, "/nonexistent", &usual);
	look(&scene, KERNEL_TEXT);
	check_state(wait_for(&scene, "vmlinux"), INDEX_READY, "");
	CHECK_EQ(scene.announced[INDEX_BUILDING] + scene.announced[INDEX_READY], 0);
	CHECK(look(&scene, KERNEL_TEXT)->line);
	scene_deinit(&scene);
}

static void test_places(void)
{
	shell("mkdir -p boot lib/modules/%s/extra; cp %s boot/vmlinux-%s;"
	      " cp %s lib/modules/%s/extra/sample.ko", release, kernel, release, module, release);
	check_found("/boot/vmlinux-", "/extra/sample.ko.");

	/* As distributions have it: packed, and listed by depmod. */
	shell("rm -r lib boot; mkdir -p lib/modules/%s/kernel/net usr/lib/debug/boot;"
	      " cp %s usr/lib/debug/boot/vmlinux-%s; cp %s lib/modules/%s/kernel/net/sample.ko;"
	      " xz --check=crc32 lib/modules/%s/kernel/net/sample.ko;"
	      " echo kernel/net/sample.ko.xz: >lib/modules/%s/modules.dep",
	      release, kernel, release, module, release, release, release);
	check_found("/usr/lib/debug/boot/vmlinux-", "/kernel/net/sample.ko.xz");

	/* What was split off, beside what was stripped: by the path, as .gnu_debuglink has it. */
	shell("rm -r usr lib/modules/*/kernel/net/*; mkdir -p boot"
	      " usr/lib/debug/lib/modules/%s/kernel/net;"
	      " objcopy --only-keep-debug %s usr/lib/debug/lib/modules/%s/vmlinux.debug;"
	      " objcopy --strip-debug %s boot/vmlinux-%s;"
	      " objcopy --only-keep-debug %s usr/lib/debug/lib/modules/%s/kernel/net/sample.ko.debug;"
	      " objcopy --strip-debug %s lib/modules/%s/kernel/net/sample.ko",
	      release, kernel, release, kernel, release, module, release, module, release);
	check_found("/vmlinux.debug", "/net/sample.ko.debug");

	/* By the build id. */
	shell("rm -r usr; for f in %s %s; do"
	      " id=$(readelf -n $f | sed -n 's/.*Build ID: //p'); i=${id#??};"
	      " d=usr/lib/debug/.build-id/${id%%$i}; mkdir -p $d; objcopy --only-keep-debug $f"
	      " $d/$i.debug; done", kernel, module);
	check_found("/.build-id/", "/.build-id/");
}

static void test_nowhere(void)
{
	struct scene scene;

	shell("rm -rf cache usr");
	scene_init(&scene, builder, &usual);
	look(&scene, KERNEL_TEXT);
	look(&scene, MODULE_TEXT);
	check_state(wait_for(&scene, "vmlinux"), INDEX_ABSENT, "is not on this machine");
	check_state(wait_for(&scene, "sample"), INDEX_ABSENT, "is not on this machine");
	CHECK(!look(&scene, KERNEL_TEXT)->file);
	scene_deinit(&scene);
}

/* ---- what goes wrong ---- */

/* The builder of the kernel's index fails; the module's is still made, by what is put there. */
static void check_failure(const char *text, const struct index_limits *limits, const char *message)
{
	struct scene scene;
	const struct location *location;

	shell("rm -rf cache");
	scene_init(&scene, script(text), limits);
	look(&scene, KERNEL_TEXT + 16);
	check_state(wait_for(&scene, "vmlinux"), INDEX_FAILED, message);
	CHECK_EQ(scene.announced[INDEX_FAILED], 1);
	location = look(&scene, KERNEL_TEXT + 16);
	CHECK_STR(location->symbol, "fold");
	CHECK_EQ(location->offset, 16);
	CHECK(!location->file && !location->n_frames);
	shell("test -z \"$(ls -A cache)\""); /* nothing half is left */

	shell("ln -sf %s builder.new; mv builder.new builder", builder);
	look(&scene, MODULE_TEXT);
	check_state(wait_for(&scene, "sample"), INDEX_READY, "sample.ko");
	CHECK(look(&scene, MODULE_TEXT)->line);
	scene_deinit(&scene);
}

static void test_failures(void)
{
	struct index_limits limits = usual;

	shell("cp %s boot/vmlinux-%s; cp %s lib/modules/%s/kernel/net/sample.ko", kernel, release,
	      module, release);
	check_failure("kill -SEGV $$", &usual, "signal 11");
	check_failure("kill -KILL $$", &usual, "signal 9"); /* so it ends when memory runs out */
	check_failure("echo 'it went wrong' >&2; exit 1", &usual, "it went wrong");
	check_failure("exit 1", &usual, "without a word");
	check_failure("echo nonsense >&3", &usual, "no good index");
	check_failure(":", &usual, "no good index");

	limits.size = 1 << 16;
	check_failure("exec head -c 1000000 /dev/zero >&3", &limits, "signal 25");
	limits = usual;
	limits.cpu = 1;
	check_failure("while :; do :; done", &limits, "signal ");
}

/* What hangs is killed with all that it started. */
static void test_hang(void)
{
	struct index_limits limits = usual;
	char text[256];
	pid_t pid;
	FILE *file;

	limits.time = 1;
	/* Who may run as nobody tells what it started. */
	snprintf(text, sizeof(text), "sleep 1000 & echo from x; echo $! >%s/hanging; exec sleep 1000",
		 here);
	shell("touch hanging; chmod 666 hanging; chmod 755 .");
	check_failure(text, &limits, "did not end in time");
	file = fopen(at("hanging"), "r");
	CHECK(file && fscanf(file, "%d", &pid) == 1);
	fclose(file);
	/* It ends a moment later, and is a zombie until init takes it. */
	shell("for i in $(seq 600); do ! test -e /proc/%d || grep -q '^State:.Z' /proc/%d/status &&"
	      " exit 0; sleep 0.1; done; exit 1", pid, pid);
}

/* With ever more memory, from what does not do to what does: lines, or a word. */
static void test_memory(void)
{
	struct index_limits limits = usual;
	unsigned int by_state[4] = {};
	struct scene scene;

	/* The sanitizers need all the address space there is, and have no limit. */
	for (uint64_t kib = 64; !SANITIZED && kib <= 64 << 10; kib *= 2) {
		const struct index_status *status;

		shell("rm -rf cache");
		limits.memory = kib << 10;
		scene_init(&scene, builder, &limits);
		look(&scene, KERNEL_TEXT);
		status = wait_for(&scene, "vmlinux");
		CHECK((status->state == INDEX_READY) == (look(&scene, KERNEL_TEXT)->line != 0));
		CHECK(status->message[0]);
		by_state[status->state]++;
		scene_deinit(&scene);
	}
	CHECK(SANITIZED || (by_state[INDEX_FAILED] && by_state[INDEX_READY]));
}

/* lbrd ends while the builder works. */
static void test_end(void)
{
	struct scene scene;

	shell("rm -rf cache");
	scene_init(&scene, script("echo from x; exec sleep 1000"), &usual);
	look(&scene, KERNEL_TEXT);
	while (!status_of(&scene, "vmlinux") ||
	       status_of(&scene, "vmlinux")->state != INDEX_BUILDING)
		CHECK_EQ(event_base_loop(scene.base, EVLOOP_ONCE), 0);
	CHECK(!look(&scene, KERNEL_TEXT)->file);
	scene_deinit(&scene); /* it takes the builder with it, and does not wait for it */
	shell("test -z \"$(ls -A cache)\"");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int main(int argc, char **argv)
{
	struct utsname uts;

	CHECK_EQ(argc, 4);
	builder = realpath(argv[1], NULL);
	kernel = realpath(argv[2], NULL);
	module = realpath(argv[3], NULL);
	CHECK(builder && kernel && module && mkdtemp(here) && uname(&uts) == 0);
	strcpy(release, uts.release);
	unsetenv("DEBUGINFOD_URLS");
	make_symbols();
	test_places();
	test_nowhere();
	test_failures();
	test_hang();
	test_memory();
	test_end();
	CHECK_EQ(nftw(here, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	return 0;
}
