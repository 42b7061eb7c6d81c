/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order at the start: subscribe first, then read what is there, then take in what was reported
 * meanwhile. So nothing is missed; what is seen twice replaces itself.
 *
 * The rule that must not break: an answer that may have changed is retired (its life ended) in the
 * same step that learns of the change.
 */
#include "daemon/symbol/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/macro.h"
#include "daemon/symbol/kallsyms.h"
#include "daemon/symbol/rescan.h"
#include "daemon/symbol/uevents.h"

#define MODULES_PATH "/proc/modules"

/*
 * Source lines and code of programs are read when they load, since they may be gone soon after;
 * beyond this much only when one is first needed.
 */
#define MAX_EAGER_BYTES (32u << 20)

uint64_t code_clock(void)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

/* Ends a life and begins another in its place. NULL (no memory) means: do not cache. */
static void begin_anew(struct code *code, struct life **life)
{
	if (*life && (*life)->users == 0)
		return;
	life_retire(*life, &code->retired);
	*life = life_new(0);
}

void code_note_arrival(struct code *code)
{
	begin_anew(code, &code->absence);
}

static size_t program_bytes(const struct code *code)
{
	size_t bytes = 0;

	for (size_t i = 0; i < code->images.n_live; i++)
		if (code->images.live[i]->program && code->images.live[i]->function == 0)
			bytes += code->images.live[i]->program->bytes;
	for (size_t i = 0; i < code->images.n_dead; i++)
		if (code->images.dead[i]->program && code->images.dead[i]->function == 0)
			bytes += code->images.dead[i]->program->bytes;
	return bytes;
}

size_t code_bytes(const struct code *code)
{
	return symbol_table_bytes(code->kernel) + symbol_table_bytes(code->modules) +
	       code->images.bytes + program_bytes(code);
}

/*
 * From CLOCK_BOOTTIME to CLOCK_MONOTONIC, which stands still in a suspend: too early by those that
 * came since, never too late.
 */
static uint64_t boottime_to_monotonic(uint64_t time)
{
	uint64_t monotonic = clock_ns(CLOCK_MONOTONIC);
	uint64_t asleep = clock_ns(CLOCK_BOOTTIME) - monotonic;

	return time > asleep ? time - asleep : 0;
}

void code_learn_program(struct code *code, uint32_t id, uint64_t time, bool capture)
{
	struct bpf_program *program;
	uint64_t loaded_at;

	if (bpf_program_read(id, capture ? BPF_PROGRAM_LINES | BPF_PROGRAM_CODE : 0, &program) < 0)
		return;
	loaded_at = boottime_to_monotonic(program->loaded_at);
	code->programs_hidden = program->hidden;
	for (size_t i = 0; i < program->n_functions; i++) {
		const struct bpf_function *function = &program->functions[i];
		struct image *image = images_at(&code->images, function->start);
		struct image_news news = {
			.start = function->start,
			.length = function->end - function->start,
			.name = function->name ? function->name : "bpf_prog",
			.module = "bpf",
			.time = MAX(time, images_last_end(&code->images, function->start,
							  function->end)),
		};

		if (!function->start || !news.length)
			continue;
		if (!image) {
			if (images_add(&code->images, &news, &image) < 0)
				continue;
			code_note_arrival(code);
		}
		image->kind = LOCATION_BPF_PROGRAM;
		images_delay(&code->images, image, loaded_at);
		images_tighten(image, function->end);
		images_bind(&code->images, image, program, i);
	}
	bpf_program_unref(program);
}

/* As kallsyms has it, for code that is not of BPF. */
static const char *pseudo_module(const char *name)
{
	return name && !strncmp(name, "kprobe", 6) ? "__builtin__kprobes" : "__builtin__ftrace";
}

static void on_report(const struct report *report, void *userdata)
{
	struct code *code = userdata;
	bool program = report->name && !strncmp(report->name, "bpf_prog_", 9);
	struct image_news news = {
		.start = report->address,
		.length = report->length,
		.loose = report->bpf && !program, /* always told as a page */
		.name = report->name,
		.module = report->bpf ? "bpf" : pseudo_module(report->name),
		.time = report->time,
	};

	switch (report->type) {
	case REPORT_CODE_ADDED:
		/* A program that is interpreted has no code of its own: length 0. */
		if (report->length && images_add(&code->images, &news, NULL) == 0)
			code_note_arrival(code);
		return;
	case REPORT_CODE_REMOVED:
		images_end(&code->images, report->address, report->time);
		return;
	case REPORT_PROGRAM_LOADED:
		code_learn_program(code, report->program_id, report->time,
				   program_bytes(code) < MAX_EAGER_BYTES);
		return;
	case REPORT_PROGRAM_UNLOADED: /* its code is reported apart */
		return;
	}
}

void code_take_in(struct code *code)
{
	uint64_t now, lost;

	if (!code->sideband)
		return;
	now = clock_ns(CLOCK_MONOTONIC);
	lost = sideband_drain(code->sideband, on_report, code);
	if (lost) {
		code->lost_reports += lost;
		rescan_begin(code);
	}
	code_know_until(code, now);
}

void code_know_until(struct code *code, uint64_t time)
{
	if (!code->rescan)
		code->known_until = MAX(code->known_until, time);
}

/* Of the time in which the former modules stood for certain, the present table says nothing. */
static void begin_modules_anew(struct code *code)
{
	begin_anew(code, &code->module_life);
	if (code->module_life)
		code->module_life->from = code->modules_since ? code->modules_since + 1 : 0;
}

void code_renew(struct code *code)
{
	begin_anew(code, &code->kernel_life);
	begin_modules_anew(code);
}

/* Keeps a table that was replaced until code_bury(): locations hold its names. */
static void retire_table(struct code *code, struct symbol_table *table)
{
	struct symbol_table **grown;

	if (!table)
		return;
	grown = reallocarray(code->old_tables, code->n_old_tables + 1, sizeof(*grown));
	if (!grown)
		return; /* leaked rather than freed under somebody's eyes */
	code->old_tables = grown;
	grown[code->n_old_tables++] = table;
}

static void take_modules(struct code *code, const struct kallsyms_result *result)
{
	retire_table(code, code->former);
	code->former = code->modules;
	code->modules = result->modules;
	begin_modules_anew(code);
	code->modules_stale = false;
	code_note_arrival(code);
}

/* Of the kernel and of the modules. */
static int read_tables(struct code *code)
{
	struct kallsyms_wish wish = {
		.kernel = true,
		.modules = true,
		.loaded = &code->loaded,
		.image = rescan_image_found,
		.userdata = code,
	};
	struct kallsyms_result result;
	int r = kallsyms_read(code->kallsyms_path, &wish, &result);

	if (r < 0)
		return r;
	code->addresses_hidden = result.hidden;
	take_modules(code, &result);
	retire_table(code, code->kernel);
	code->kernel = result.kernel;
	begin_anew(code, &code->kernel_life);
	return 0;
}

static void drop_tables(struct code *code)
{
	kallsyms_end(code->tables);
	code->tables = NULL;
}

/* A part of the new table of the modules. Positive: there is more. */
static int go_on_with_modules(struct code *code)
{
	const struct kallsyms_wish wish = { .modules = true, .loaded = &code->loaded };
	struct kallsyms_result result;
	int r = 0;

	if (!code->tables)
		r = kallsyms_begin(code->kallsyms_path, &wish, &code->tables);
	if (r == 0)
		r = kallsyms_go_on(code->tables, &result);
	if (r > 0)
		return r;
	if (r == 0) {
		code->addresses_hidden |= result.hidden; /* once they are shown, all is read */
		take_modules(code, &result);
	}
	drop_tables(code);
	code->modules_stale = false; /* not again for the same news */
	return r;
}

const struct symbol_table *code_modules(struct code *code)
{
	while (code->modules_stale)
		go_on_with_modules(code);
	return code->modules;
}

bool code_go_on(struct code *code)
{
	if (code->rescan)
		rescan_go_on(code);
	else if (code->modules_stale)
		go_on_with_modules(code);
	return code_is_behind(code);
}

/* True when other modules are loaded than before: `certain` if they must be, however they look. */
static bool compare_modules(struct code *code, bool certain)
{
	uint64_t seen = code->modules_seen;
	struct modules loaded;

	code->modules_seen = code_clock();
	if (modules_read(MODULES_PATH, &loaded) < 0 ||
	    (!certain && modules_equal(&loaded, &code->loaded))) {
		modules_deinit(&loaded);
		return false;
	}
	code->modules_changes++;
	code->modules_since = seen;
	code->modules_changed_at = clock_ns(CLOCK_MONOTONIC); /* to be later than any record */
	modules_deinit(&code->loaded);
	code->loaded = loaded;
	/* What a module's memory held is not known any more; read it when somebody asks. */
	drop_tables(code);
	code->modules_stale = true;
	begin_modules_anew(code);
	code_note_arrival(code);
	return true;
}

bool code_search(struct code *code, uint64_t now)
{
	if (!code->live || now < code->next_search)
		return false;
	code->next_search = now + NS_PER_SECOND;
	if (!code->sideband) {
		rescan_begin(code);
		while (code->rescan)
			rescan_go_on(code);
	}
	return compare_modules(code, false) || !code->sideband;
}

static void forget_cpu(unsigned int cpu, void *userdata)
{
	struct code *code = userdata;

	if (code->sideband)
		sideband_forget_cpu(code->sideband, cpu);
}

static void look_at_cpus(struct code *code)
{
	if (code->sideband && sideband_follow_cpus(code->sideband))
		rescan_begin(code);
}

void code_look_around(struct code *code, uint64_t now, uint64_t grace)
{
	bool due = now >= code->next_look;
	struct uevent_news news = { .lost = due };

	if (!code->live || !(due || code->listen))
		return;
	code->listen = false;
	if (code->uevents >= 0)
		uevents_read(code->uevents, forget_cpu, code, &news);
	/* One that was reloaded may stand where it stood before. */
	if (news.modules || news.lost)
		compare_modules(code, news.modules);
	else
		code->modules_seen = now;
	if (news.cpus || news.lost)
		look_at_cpus(code);
	if (!due)
		return;
	code->next_look = now + NS_PER_SECOND;
	if (code->former && now > code->modules_changed_at + grace) {
		retire_table(code, code->former);
		code->former = NULL;
		code->modules_since = 0; /* nothing of that time is asked for any more */
		begin_modules_anew(code);
	}
	if (!code->sideband || code->programs_hidden)
		rescan_programs(code, code->known_until);
	if (code->addresses_hidden && kallsyms_visible(code->kallsyms_path))
		read_tables(code);
}

int code_init(struct code *code, const char *kallsyms_path, bool live)
{
	int r;

	*code = (struct code){ .kallsyms_path = kallsyms_path, .live = live, .uevents = -1 };
	SLIST_INIT(&code->retired);
	images_init(&code->images, &code->retired);

	if (live) {
		sideband_new(&code->sideband);
		code->uevents = uevents_open();
		modules_read(MODULES_PATH, &code->loaded);
		code->modules_seen = code_clock();
	}
	code_note_arrival(code);
	r = read_tables(code);
	if (r < 0 && r != -ENOMEM) { /* no such file, or not for us: empty tables do */
		code->addresses_hidden = true;
		r = symbol_table_new(&code->kernel);
		if (r == 0)
			r = symbol_table_new(&code->modules);
		if (r == 0)
			r = symbol_table_seal(code->kernel, &code->loaded);
		if (r == 0)
			r = symbol_table_seal(code->modules, &code->loaded);
	}
	if (r < 0) {
		code_deinit(code);
		return r;
	}
	if (live)
		rescan_programs(code, 0);
	code_take_in(code);
	return 0;
}

void code_bury(struct code *code)
{
	images_bury(&code->images);
	lives_free(&code->retired);
	for (size_t i = 0; i < code->n_old_tables; i++)
		symbol_table_free(code->old_tables[i]);
	code->n_old_tables = 0;
}

void code_deinit(struct code *code)
{
	rescan_free(code->rescan);
	drop_tables(code);
	images_deinit(&code->images);
	life_retire(code->kernel_life, &code->retired);
	life_retire(code->module_life, &code->retired);
	life_retire(code->absence, &code->retired);
	code_bury(code);
	free(code->old_tables);
	symbol_table_free(code->kernel);
	symbol_table_free(code->modules);
	symbol_table_free(code->former);
	modules_deinit(&code->loaded);
	sideband_free(code->sideband);
	close_fd(code->uevents);
}
