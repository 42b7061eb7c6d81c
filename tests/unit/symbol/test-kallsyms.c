/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up symbol files with what the real ones contain, then the real one of this machine. */
#include <errno.h>
#include <unistd.h>

#include "common/macro.h"
#include "daemon/symbol/kallsyms.h"
#include "daemon/symbol/kinds.h"
#include "tests/unit/check.h"

static const char text[] =
	"0000000000000000 A fixed_percpu_data\n"
	"ffffffff81000000 T _text\n"
	"ffffffff81000000 T _stext\n"
	"ffffffff81000040 T __entry_text_start\n"
	"ffffffff81000100 T irq_entries_start\n"
	"ffffffff81000100 T __irqentry_text_start\n"
	"ffffffff81000200 t common_interrupt_return\n"
	"ffffffff81000200 T swapgs_restore_regs_and_return_to_usermode\n"
	"ffffffff81000200 T __irqentry_text_end\n"
	"ffffffff81000280 T __entry_text_end\n"
	"ffffffff81001000 T __pfx_alpha\n"
	"ffffffff81001010 T alpha\n"
	"ffffffff81001100 t twice\n"
	"ffffffff81001200 W memcpy\n"
	"ffffffff81001200 T __memcpy\n"
	"ffffffff81001200 t __pi_memcpy\n"
	"ffffffff81001300 t twice\n"
	"ffffffff81001400 t g.x\n"
	"ffffffff81001400 t gamma\n"
	"ffffffff81001500 T __x86_indirect_thunk_array\n"
	"ffffffff81001500 T __x86_indirect_thunk_rax\n"
	"ffffffff81001800 T _etext\n"
	"ffffffff81002000 D some_data\n"
	"ffffffff81003000 t init_function\n"
	"ffffffff81003080 T _einittext\n"
	"ffffffffc0103000 t late_one\t[second]\n"
	"ffffffffc0100010 t first_function\t[first]\n"
	"ffffffffc0100100 t second_function\t[first]\n"
	"ffffffffc0101000 d first_data\t[first]\n"
	"ffffffffc0103100 t twice\t[second]\n"
	"ffffffffc0200000 t last\t[third]\n"
	"not a line of it\n"
	"ffffffffc0300000 t bpf_prog_0011223344556677_filter\t[bpf]\n"
	"ffffffffc0301000 t bpf_trampoline_42\t[bpf]\n"
	"ffffffffc0302000 t ftrace_trampoline\t[__builtin__ftrace]\n";

static unsigned int n_images;

static int on_image(uint64_t start, const char *name, const char *module, void *userdata)
{
	n_images++;
	if (start == 0xffffffffc0301000) {
		CHECK_STR(name, "bpf_trampoline_42");
		CHECK_STR(module, "bpf");
	}
	return 0;
}

static struct kallsyms_result read_text(const char *content, const struct modules *loaded)
{
	struct kallsyms_wish wish = {
		.kernel = true, .modules = true, .loaded = loaded, .image = on_image,
	};
	char path[] = "/tmp/kallsyms-XXXXXX";
	struct kallsyms_result result;
	int fd = mkstemp(path);

	CHECK_EQ(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	CHECK_EQ(kallsyms_read(path, &wish, &result), 0);
	CHECK_EQ(kallsyms_visible(path), !result.hidden);
	unlink(path);
	return result;
}

static void result_deinit(struct kallsyms_result *result)
{
	symbol_table_free(result->kernel);
	symbol_table_free(result->modules);
}

static void check_at(const struct symbol_table *table, uint64_t address, const char *name,
		uint64_t start, uint64_t end)
{
	struct symbol symbol;

	fprintf(stderr, "%" PRIx64 "\n", address);
	CHECK(symbol_table_lookup(table, address, &symbol));
	CHECK_STR(symbol.name, name);
	CHECK_EQ(symbol.start, start);
	CHECK_EQ(symbol.end, end);
}

static void check_none(const struct symbol_table *table, uint64_t address)
{
	struct symbol symbol;

	if (symbol_table_lookup(table, address, &symbol)) {
		fprintf(stderr, "%" PRIx64 " is %s\n", address, symbol.name);
		CHECK(false);
	}
}

static void try_kernel(const struct symbol_table *kernel)
{
	uint64_t start, end;

	check_at(kernel, 0xffffffff81000100, "irq_entries_start", 0xffffffff81000100,
		 0xffffffff81000200);
	check_at(kernel, 0xffffffff8100027f, "swapgs_restore_regs_and_return_to_usermode",
		 0xffffffff81000200, 0xffffffff81000280);
	check_at(kernel, 0xffffffff81001005, "__pfx_alpha", 0xffffffff81001000,
		 0xffffffff81001010);
	check_at(kernel, 0xffffffff81001010, "alpha", 0xffffffff81001010, 0xffffffff81001100);
	check_at(kernel, 0xffffffff810010ff, "alpha", 0xffffffff81001010, 0xffffffff81001100);
	check_at(kernel, 0xffffffff81001210, "memcpy", 0xffffffff81001200, 0xffffffff81001300);
	check_at(kernel, 0xffffffff81001410, "gamma", 0xffffffff81001400, 0xffffffff81001500);
	check_at(kernel, 0xffffffff81001500, "__x86_indirect_thunk_rax", 0xffffffff81001500,
		 0xffffffff81001800);
	check_at(kernel, 0xffffffff81003010, "init_function", 0xffffffff81003000,
		 0xffffffff81003080);

	check_none(kernel, 0);
	check_none(kernel, 0xffffffff80ffffff);
	check_none(kernel, 0xffffffff81000010);
	check_none(kernel, 0xffffffff81000050);
	check_none(kernel, 0xffffffff81000290); /* behind __entry_text_end */
	check_none(kernel, 0xffffffff81001800); /* behind _etext */
	check_none(kernel, 0xffffffff81002010);
	check_none(kernel, 0xffffffff81003080);
	check_none(kernel, 0xffffffffc0100010);
	check_none(kernel, UINT64_MAX);

	CHECK(symbol_table_span(kernel, &start, &end));
	CHECK_EQ(start, 0xffffffff81000100);
	CHECK_EQ(end, 0xffffffff81003080);
}

static void try_find(const struct kallsyms_result *result)
{
	struct symbol symbol;

	CHECK_EQ(symbol_table_find(result->kernel, "alpha", NULL, &symbol), 0);
	CHECK_EQ(symbol.start, 0xffffffff81001010);
	CHECK_EQ(symbol.end, 0xffffffff81001100);
	/* By any of its names. */
	CHECK_EQ(symbol_table_find(result->kernel, "__pi_memcpy", NULL, &symbol), 0);
	CHECK_EQ(symbol.start, 0xffffffff81001200);
	CHECK_EQ(symbol_table_find(result->kernel, "twice", NULL, &symbol), -ENOTUNIQ);
	CHECK_EQ(symbol_table_find(result->modules, "twice", "second", &symbol), 0);
	CHECK_EQ(symbol.start, 0xffffffffc0103100);
	CHECK_STR(symbol.module, "second");
	CHECK_EQ(symbol_table_find(result->modules, "twice", "first", &symbol), -ENOENT);
	CHECK_EQ(symbol_table_find(result->kernel, "some_data", NULL, &symbol), -ENOENT);
	CHECK_EQ(symbol_table_find(result->kernel, "", NULL, &symbol), -ENOENT);
}

static void try_synthetic(void)
{
	struct module third = { "third", 0xffffffffc01ff000, 0x3000 };
	struct modules loaded = { &third, 1 };
	struct kallsyms_result result = read_text(text, &loaded);

	CHECK(!result.hidden);
	CHECK_EQ(n_images, 3);
	try_kernel(result.kernel);

	check_at(result.modules, 0xffffffffc0100020, "first_function", 0xffffffffc0100010,
		 0xffffffffc0100100);
	check_at(result.modules, 0xffffffffc0100fff, "second_function", 0xffffffffc0100100,
		 0xffffffffc0101000);
	check_none(result.modules, 0xffffffffc0101000);
	/* The last of a module goes to the end of its page, or of the module's memory. */
	check_at(result.modules, 0xffffffffc0103fff, "twice", 0xffffffffc0103100,
		 0xffffffffc0104000);
	check_none(result.modules, 0xffffffffc0104000);
	check_at(result.modules, 0xffffffffc0201fff, "last", 0xffffffffc0200000,
		 0xffffffffc0202000);
	check_none(result.modules, 0xffffffffc0202000);
	try_find(&result);
	result_deinit(&result);
}

static void try_hidden(void)
{
	struct modules none = {};
	struct kallsyms_result result = read_text("0000000000000000 T _text\n"
						  "0000000000000000 T alpha\n", &none);
	struct symbol symbol;
	uint64_t start, end;

	CHECK(result.hidden);
	CHECK_EQ(symbol_table_count(result.kernel), 0);
	CHECK(!symbol_table_span(result.kernel, &start, &end));
	CHECK_EQ(symbol_table_find(result.kernel, "alpha", NULL, &symbol), -ENOENT);
	result_deinit(&result);
}

static void try_broken(void)
{
	struct modules none = {};
	struct kallsyms_result result;

	result = read_text("", &none);
	CHECK(result.hidden);
	result_deinit(&result);
	result = read_text("ffffffff81000000\nffffffff81000000 T\nffffffff81000000 T \n"
			   "ffffffff81000010 T x\t[open\nffffffff81000020 T y\t\n", &none);
	CHECK_EQ(symbol_table_count(result.kernel), 1);
	result_deinit(&result);
	CHECK_EQ(kallsyms_read("/proc/no-such-file", &(struct kallsyms_wish){}, &result), -ENOENT);
}

static void try_kinds(void)
{
	static const struct {
		const char *name;
		enum location_kind kind;
	} expected[] = {
		{ "__x86_return_thunk", LOCATION_RETURN_THUNK },
		{ "its_return_thunk", LOCATION_RETURN_THUNK },
		{ "srso_alias_return_thunk", LOCATION_RETURN_THUNK },
		{ "call_depth_return_thunk", LOCATION_RETURN_THUNK },
		{ "retbleed_return_thunk", LOCATION_RETURN_THUNK },
		{ "__x86_indirect_thunk_rax", LOCATION_INDIRECT_THUNK },
		{ "__x86_indirect_its_thunk_r11", LOCATION_INDIRECT_THUNK },
		{ "__x86_indirect_call_thunk_rbx", LOCATION_INDIRECT_THUNK },
		{ "__x86_indirect_jump_thunk_rbx", LOCATION_INDIRECT_THUNK },
		{ "warn_thunk_thunk", LOCATION_KERNEL },
		{ "preempt_schedule_thunk", LOCATION_KERNEL },
		{ "cpu_wants_rethunk_at", LOCATION_KERNEL },
		{ "asm_sysvec_apic_timer_interrupt", LOCATION_INTERRUPT },
		{ "asm_exc_page_fault", LOCATION_INTERRUPT },
		{ "native_irq_return_iret", LOCATION_INTERRUPT },
		{ "swapgs_restore_regs_and_return_to_usermode", LOCATION_INTERRUPT },
		{ "restore_regs_and_return_to_kernel", LOCATION_INTERRUPT },
		{ "error_return", LOCATION_INTERRUPT },
		{ "error_tg_ok.constprop.0", LOCATION_KERNEL },
		{ "__bpf_prog_enter_recur", LOCATION_TRACING },
		{ "__bpf_prog_exit_sleepable_recur", LOCATION_TRACING },
		{ "__bpf_tramp_enter", LOCATION_TRACING },
		{ "__bpf_tramp_image_put_deferred", LOCATION_KERNEL },
		{ "migrate_disable", LOCATION_TRACING },
		{ "migrate_folio", LOCATION_KERNEL },
		{ "rcu_read_unlock_strict", LOCATION_TRACING },
		{ "amd_pmu_v2_snapshot_branch_stack", LOCATION_TRACING },
		{ "bpf_dispatcher_xdp_func", LOCATION_KERNEL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		fprintf(stderr, "%s\n", expected[i].name);
		CHECK_EQ(kind_of_kernel_symbol(expected[i].name, NULL), expected[i].kind);
	}
	CHECK_EQ(kind_of_kernel_symbol("exc_something", "a_module"), LOCATION_KERNEL);
	CHECK_EQ(kind_of_image("bpf_prog_0011223344556677_f", "bpf"), LOCATION_BPF_PROGRAM);
	CHECK_EQ(kind_of_image("bpf_trampoline_42", "bpf"), LOCATION_TRAMPOLINE);
	CHECK_EQ(kind_of_image("bpf_dispatcher_xdp", "bpf"), LOCATION_TRAMPOLINE);
	CHECK_EQ(kind_of_image("ftrace_trampoline", "__builtin__ftrace"), LOCATION_KERNEL);
}

/* Each text symbol of this machine is found at its own address, under one of its names. */
static void try_real(void)
{
	struct modules none = {};
	struct kallsyms_wish wish = { .kernel = true, .modules = true, .loaded = &none };
	struct kallsyms_result result;
	size_t n = 0, others = 0;
	char line[1024];
	FILE *file;

	if (kallsyms_read("/proc/kallsyms", &wish, &result) < 0)
		return;
	file = fopen("/proc/kallsyms", "re");
	CHECK(file != NULL);
	while (!result.hidden && fgets(line, sizeof(line), file)) {
		char type, name[512], *module = strchr(line, '[');
		uint64_t address;
		struct symbol symbol;

		CHECK_EQ(sscanf(line, "%" SCNx64 " %c %511s", &address, &type, name), 3);
		if (module || !strchr("tT", type) || !(address >> 63) ||
		    !symbol_table_lookup(result.kernel, address, &symbol))
			continue;
		CHECK_EQ(symbol.start, address);
		n++;
		others += strcmp(symbol.name, name) != 0;
	}
	fprintf(stderr, "%zu symbols, %zu under another name, %zu bytes\n", n, others,
		symbol_table_bytes(result.kernel) + symbol_table_bytes(result.modules));
	if (!result.hidden) {
		CHECK(n > 10000);
		CHECK(others < n / 20);
		CHECK(symbol_table_bytes(result.kernel) < 6 << 20);
	}
	fclose(file);
	result_deinit(&result);
}

int main(void)
{
	try_synthetic();
	try_hidden();
	try_broken();
	try_kinds();
	try_real();
	return 0;
}
