/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from the kernel in binary or text: well-formed, cut, and random. */
#include <errno.h>

#include <bpf/btf.h>
#include <linux/perf_event.h>

#include "common/macro.h"
#include "daemon/symbol/bpf-program.h"
#include "daemon/symbol/cpu-list.h"
#include "daemon/symbol/sideband.h"
#include "daemon/symbol/uevents.h"
#include "tests/unit/check.h"

static size_t make_ksymbol(char *buffer, const char *name, uint16_t flags, uint64_t time)
{
	size_t length = (strlen(name) + 8) & ~(size_t)7; /* with its NUL, padded to 8 */
	struct perf_event_header header = {
		.type = PERF_RECORD_KSYMBOL, .size = 24 + length + 8,
	};
	uint64_t address = 0xffffffffc0001000;
	uint32_t size = 123;
	uint16_t type = PERF_RECORD_KSYMBOL_TYPE_BPF;

	memset(buffer, 0, 24 + length);
	memcpy(buffer, &header, sizeof(header));
	memcpy(buffer + 8, &address, 8);
	memcpy(buffer + 16, &size, 4);
	memcpy(buffer + 20, &type, 2);
	memcpy(buffer + 22, &flags, 2);
	strcpy(buffer + 24, name);
	memcpy(buffer + 24 + length, &time, 8);
	return header.size;
}

static void try_ksymbol(void)
{
	_Alignas(8) char buffer[256];
	struct perf_event_header header;
	struct report report;
	size_t size = make_ksymbol(buffer, "bpf_prog_0011223344556677_a", 0, 99);

	CHECK_EQ(sideband_parse(buffer, size, &report), 1);
	CHECK_EQ(report.type, REPORT_CODE_ADDED);
	CHECK_EQ(report.time, 99);
	CHECK_EQ(report.address, 0xffffffffc0001000);
	CHECK_EQ(report.length, 123);
	CHECK(report.bpf);
	CHECK_STR(report.name, "bpf_prog_0011223344556677_a");
	CHECK_EQ(sideband_parse(buffer, size - 8, &report), -EBADMSG);

	/* Somebody else listens, too. */
	memcpy(&header, buffer, sizeof(header));
	header.size += 8;
	memcpy(buffer, &header, sizeof(header));
	memset(buffer + size, 0, 8);
	CHECK_EQ(sideband_parse(buffer, size + 8, &report), 1);
	CHECK_EQ(report.time, 99);
	header.size -= 8;
	memcpy(buffer, &header, sizeof(header));
	for (size_t cut = 0; cut < size; cut++) {
		memcpy(&header, buffer, sizeof(header));
		header.size = cut;
		if (cut >= sizeof(header)) {
			char copy[256];

			memcpy(copy, buffer, cut);
			memcpy(copy, &header, sizeof(header));
			CHECK_EQ(sideband_parse(copy, cut, &report), -EBADMSG);
		} else {
			CHECK_EQ(sideband_parse(buffer, cut, &report), -EBADMSG);
		}
	}
	memset(buffer + 24, 'x', size - 24); /* a name that does not end */
	CHECK_EQ(sideband_parse(buffer, size, &report), -EBADMSG);

	size = make_ksymbol(buffer, "x", PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER, 1);
	CHECK_EQ(sideband_parse(buffer, size, &report), 1);
	CHECK_EQ(report.type, REPORT_CODE_REMOVED);
}

static void try_bpf_event(void)
{
	struct {
		struct perf_event_header header;
		uint16_t type;
		uint16_t flags;
		uint32_t id;
		uint8_t tag[8];
		uint64_t time;
	} record = {
		.header = { .type = PERF_RECORD_BPF_EVENT, .size = sizeof(record) },
		.type = PERF_BPF_EVENT_PROG_LOAD,
		.id = 17,
		.time = 5,
	};
	struct report report;

	CHECK_EQ(sideband_parse(&record, sizeof(record), &report), 1);
	CHECK_EQ(report.type, REPORT_PROGRAM_LOADED);
	CHECK_EQ(report.program_id, 17);
	CHECK_EQ(report.time, 5);
	record.type = PERF_BPF_EVENT_PROG_UNLOAD;
	CHECK_EQ(sideband_parse(&record, sizeof(record), &report), 1);
	CHECK_EQ(report.type, REPORT_PROGRAM_UNLOADED);
	record.type = 77;
	CHECK_EQ(sideband_parse(&record, sizeof(record), &report), 0);
	record.header.type = PERF_RECORD_MMAP;
	CHECK_EQ(sideband_parse(&record, sizeof(record), &report), 0);
	record.header.size--;
	CHECK_EQ(sideband_parse(&record, sizeof(record), &report), -EBADMSG);
	record.header.type = PERF_RECORD_BPF_EVENT;
	record.type = PERF_BPF_EVENT_PROG_LOAD;
	for (record.header.size = 8; record.header.size < sizeof(record); record.header.size++)
		CHECK_EQ(sideband_parse(&record, record.header.size, &report), -EBADMSG);
}

static void try_cpu_lists(void)
{
	static const char *const bad[] = {
		"x", "-1", "3-1", "1,1", "2,1", "1-", "1-2-3", "0-99999", "1;2", "99999999999999999999",
	};
	struct cpu_list list;

	CHECK_EQ(cpu_list_parse("0-3,8,10-11\n", &list), 0);
	CHECK_EQ(list.n, 7);
	CHECK_EQ(list.cpus[3], 3);
	CHECK_EQ(list.cpus[4], 8);
	CHECK_EQ(list.cpus[6], 11);
	cpu_list_deinit(&list);
	CHECK_EQ(cpu_list_parse("\n", &list), 0);
	CHECK_EQ(list.n, 0);
	cpu_list_deinit(&list);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fprintf(stderr, "%s\n", bad[i]);
		CHECK_EQ(cpu_list_parse(bad[i], &list), -EBADMSG);
	}
}

static unsigned int last_cpu;

static void on_cpu(unsigned int cpu, void *userdata)
{
	last_cpu = cpu;
}

static void try_uevents(void)
{
	static const char cpu[] = "offline@/devices/system/cpu/cpu12\0ACTION=offline";
	static const char module[] = "add@/module/overlay\0ACTION=add";
	static const char other[] = "add@/devices/virtual/net/cpu0\0ACTION=add";
	static const char governor[] = "change@/devices/system/cpu/cpufreq\0ACTION=change";
	struct uevent_news news = {};

	uevents_parse(other, sizeof(other), on_cpu, NULL, &news);
	uevents_parse(governor, sizeof(governor), on_cpu, NULL, &news);
	uevents_parse(cpu, 20, on_cpu, NULL, &news); /* cut */
	uevents_parse("", 0, on_cpu, NULL, &news);
	CHECK(!news.cpus && !news.modules && !news.lost);
	uevents_parse(cpu, sizeof(cpu), on_cpu, NULL, &news);
	CHECK(news.cpus && !news.modules);
	CHECK_EQ(last_cpu, 12);
	uevents_parse(module, sizeof(module), on_cpu, NULL, &news);
	CHECK(news.modules);
}

#define N 8

struct made_up {
	struct bpf_prog_info info;
	uint64_t starts[N];
	uint32_t lengths[N];
	struct bpf_func_info functions[N];
	struct bpf_line_info lines[N];
	uint64_t line_addresses[N];
};

static struct bpf_program *decode(struct made_up *made_up, const struct btf *btf)
{
	struct bpf_program_arrays arrays = {
		.starts = made_up->starts,
		.lengths = made_up->lengths,
		.functions = made_up->functions,
		.lines = made_up->lines,
		.line_addresses = made_up->line_addresses,
	};
	struct bpf_program *program = calloc(1, sizeof(*program));

	program->refs = 1;
	CHECK_EQ(bpf_program_decode(program, &made_up->info, &arrays, btf), 0);
	return program;
}

static struct bpf_prog_info well_formed(uint32_t n_functions, uint32_t n_lines)
{
	return (struct bpf_prog_info){
		.nr_jited_ksyms = n_functions,
		.nr_jited_func_lens = n_functions,
		.nr_func_info = n_functions,
		.func_info_rec_size = sizeof(struct bpf_func_info),
		.nr_line_info = n_lines,
		.line_info_rec_size = sizeof(struct bpf_line_info),
		.nr_jited_line_info = n_lines,
		.jited_line_info_rec_size = sizeof(uint64_t),
	};
}

static struct btf *make_btf(int *ret_function, int *ret_file, int *ret_text)
{
	struct btf *btf = btf__new_empty();
	int prototype;

	CHECK(btf != NULL);
	prototype = btf__add_func_proto(btf, 0);
	*ret_function = btf__add_func(btf, "entry", BTF_FUNC_GLOBAL, prototype);
	*ret_file = btf__add_str(btf, "file.c");
	*ret_text = btf__add_str(btf, "return 1;");
	CHECK(*ret_function > 0 && *ret_file > 0 && *ret_text > 0);
	return btf;
}

static void try_decode(void)
{
	struct made_up made_up = { .info = well_formed(2, 4) };
	int function, file, text;
	struct btf *btf = make_btf(&function, &file, &text);
	struct bpf_program *program;
	struct bpf_source source;

	/* The second function lies in front of the first one. */
	made_up.starts[0] = 0x2000;
	made_up.lengths[0] = 0x100;
	made_up.starts[1] = 0x1000;
	made_up.lengths[1] = 0x80;
	made_up.functions[0].type_id = function;
	made_up.functions[1].type_id = 1; /* not a function */
	for (uint32_t i = 0; i < 4; i++)
		made_up.lines[i] = (struct bpf_line_info){ i, file, text, (i + 1) << 10 | i };
	made_up.line_addresses[0] = 0x2000;
	made_up.line_addresses[1] = 0x2010;
	made_up.line_addresses[2] = 0x1000;
	made_up.line_addresses[3] = 0x1010;
	made_up.lines[3].file_name_off = 0x7fffffff; /* no such string */

	program = decode(&made_up, btf);
	btf__free(btf); /* nothing points into it */
	CHECK_EQ(program->n_functions, 2);
	CHECK_STR(program->functions[0].name, "entry");
	CHECK(program->functions[1].name == NULL);
	CHECK_EQ(program->functions[0].end, 0x2100);
	CHECK(bpf_program_find_line(program, 0x2000, 0x2000, &source));
	CHECK_EQ(source.line, 1);
	CHECK_EQ(source.column, 0);
	CHECK_STR(source.file, "file.c");
	CHECK_STR(source.text, "return 1;");
	CHECK(bpf_program_find_line(program, 0x2000, 0x200f, &source));
	CHECK_EQ(source.line, 1);
	CHECK(bpf_program_find_line(program, 0x2000, 0x20ff, &source));
	CHECK_EQ(source.line, 2);
	CHECK_EQ(source.column, 1);
	CHECK(bpf_program_find_line(program, 0x1000, 0x1001, &source));
	CHECK_EQ(source.line, 3);
	CHECK(!bpf_program_find_line(program, 0x1000, 0x1020, &source));
	CHECK(!bpf_program_find_line(program, 0x1000, 0xfff, &source));
	/* A function without lines does not borrow those of the one before it. */
	CHECK(!bpf_program_find_line(program, 0x3000, 0x3010, &source));
	bpf_program_unref(program);
}

static void try_random(void)
{
	unsigned int seed = 7;
	int function, file, text;
	struct btf *btf = make_btf(&function, &file, &text);

	for (unsigned int round = 0; round < 20000; round++) {
		struct made_up made_up;
		struct bpf_program *program;
		struct bpf_source source;
		unsigned char *bytes = (unsigned char *)&made_up;

		for (size_t i = 0; i < sizeof(made_up); i++)
			bytes[i] = rand_r(&seed);
		/* Counts are bounded by what was asked for, before the decoder sees them. */
		made_up.info = well_formed(rand_r(&seed) % (N + 1), rand_r(&seed) % (N + 1));
		if (round % 4 == 0)
			made_up.info.line_info_rec_size = rand_r(&seed) % 16;
		if (round % 4 == 1)
			made_up.info.func_info_rec_size = rand_r(&seed) % 8;
		if (round % 4 == 2)
			made_up.info.jited_line_info_rec_size = rand_r(&seed) % 16;
		if (round % 3 == 0)
			for (unsigned int i = 0; i < N; i++)
				made_up.functions[i].type_id = rand_r(&seed) % 4;
		program = decode(&made_up, round % 16 ? btf : NULL);
		for (unsigned int i = 0; i < N; i++)
			if (bpf_program_find_line(program, 0, made_up.line_addresses[i], &source))
				CHECK(strlen(source.file) > 0);
		bpf_program_unref(program);
	}
	btf__free(btf);
}

int main(void)
{
	try_ksymbol();
	try_bpf_event();
	try_cpu_lists();
	try_uevents();
	try_decode();
	try_random();
	return 0;
}
