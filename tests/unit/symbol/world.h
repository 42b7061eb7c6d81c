/* SPDX-License-Identifier: Apache-2.0 */
/* A small kernel made of one kallsyms file, for tests that need addresses with known names. */
#pragma once

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/symbol/symbols.h"
#include "tests/unit/check.h"

static const struct place {
	const char *name; /* as the tests call it */
	uint64_t address;
	const char *symbol;
	const char *module;
} places[] = {
	{ "stext", 0xffffffff81000000, "_stext", NULL },
	{ "caller", 0xffffffff81001000, "net_rx_action", NULL },
	{ "function", 0xffffffff81002000, "tcp_v4_rcv", NULL },
	{ "helper", 0xffffffff81003000, "htab_map_lookup_elem", NULL },
	{ "tramp_enter", 0xffffffff81004000, "__bpf_tramp_enter", NULL },
	{ "prog_enter", 0xffffffff81005000, "__bpf_prog_enter_recur", NULL },
	{ "prog_exit", 0xffffffff81006000, "__bpf_prog_exit_recur", NULL },
	{ "migrate", 0xffffffff81007000, "migrate_disable", NULL },
	{ "rcu", 0xffffffff81008000, "__rcu_read_lock", NULL },
	{ "get_snapshot", 0xffffffff81009000, "bpf_get_branch_snapshot", NULL },
	{ "pmu", 0xffffffff8100a000, "intel_pmu_snapshot_branch_stack", NULL },
	{ "timer", 0xffffffff8100b000, "asm_sysvec_apic_timer_interrupt", NULL },
	{ "tick", 0xffffffff8100c000, "tick_nohz_handler", NULL },
	{ "iret", 0xffffffff8100d000, "native_irq_return_iret", NULL },
	{ "ret_thunk", 0xffffffff8100e000, "its_return_thunk", NULL },
	{ "rax_thunk", 0xffffffff8100f000, "__x86_indirect_thunk_rax", NULL },
	{ "rcx_thunk", 0xffffffff8100f020, "__x86_indirect_thunk_rcx", NULL },
	{ "srso_thunk", 0xffffffff8100f100, "srso_return_thunk", NULL },
	{ "srso_safe", 0xffffffff8100f120, "srso_safe_ret", NULL },
	{ "etext", 0xffffffff81010000, "_etext", NULL },
	{ "ftrace", 0xffffffffc0000000, "ftrace_trampoline", "__builtin__ftrace" },
	{ "tramp", 0xffffffffc0001000, "bpf_trampoline_6442536217", "bpf" },
	{ "target", 0xffffffffc0002000, "bpf_prog_6deef7357e7b4530_filter", "bpf" },
	{ "sub", 0xffffffffc0003000, "bpf_prog_6deef7357e7b4531_parse", "bpf" },
	{ "tail", 0xffffffffc0004000, "bpf_prog_6deef7357e7b4532_next", "bpf" },
	{ "other", 0xffffffffc0005000, "bpf_prog_6deef7357e7b4533_theirs", "bpf" },
	{ "tracer", 0xffffffffc0006000, "bpf_prog_6deef7357e7b4534_at_exit", "bpf" },
	{ "dispatcher", 0xffffffffc0007000, "bpf_dispatcher_xdp", "bpf" },
	{ "tramp2", 0xffffffffc0008000, "bpf_trampoline_6442536299", "bpf" },
	{ "nowhere", 0xffffffffd0000000, NULL, NULL },
};

static inline const struct place *place_named(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strlen(places[i].name) == length && !strncmp(places[i].name, name, length))
			return &places[i];
	fprintf(stderr, "no place \"%.*s\"\n", (int)length, name);
	exit(1);
}

/* "target+5" to its address; *end is where the text goes on. */
static inline uint64_t parse_place(const char *text, const char **end)
{
	size_t length = strcspn(text, "+ ");
	const struct place *place = place_named(text, length);
	uint64_t offset = 0;

	text += length;
	if (*text == '+') {
		char *stop;

		offset = strtoull(text + 1, &stop, 0);
		text = stop;
	}
	*end = text;
	return place->address + offset;
}

/* The path of the file, written once and there for as long as the process is. */
static inline const char *world_kallsyms(void)
{
	static char path[32];
	FILE *file;
	int fd;

	if (path[0])
		return path;
	fd = memfd_create("kallsyms", MFD_CLOEXEC);
	file = fdopen(dup(fd), "w");
	CHECK(file != NULL);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!places[i].symbol)
			continue;
		fprintf(file, "%016" PRIx64 " T %s", places[i].address, places[i].symbol);
		if (places[i].module)
			fprintf(file, "\t[%s]", places[i].module);
		fputc('\n', file);
	}
	CHECK_EQ(fclose(file), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static inline struct symbols *make_world_with_runs(location_render_fn render,
		path_render_fn render_run)
{
	struct symbols_config config = {
		.kallsyms_path = world_kallsyms(),
		.render = render,
		.render_run = render_run,
		.max_locations = 256,
		.max_path_bytes = 1 << 20,
		.max_run = 64,
	};
	struct symbols *symbols;

	CHECK_EQ(symbols_new(&config, &symbols), 0);
	return symbols;
}

static inline struct symbols *make_world(location_render_fn render)
{
	return make_world_with_runs(render, NULL);
}
