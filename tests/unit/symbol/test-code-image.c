/* SPDX-License-Identifier: Apache-2.0 */
/* Where code begins and ends in what the kernel gives, and which maps it loads. */
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/macro.h"
#include "daemon/symbol/bpf-maps.h"
#include "daemon/symbol/code-image.h"
#include "daemon/symbol/kcore.h"
#include "tests/unit/check.h"

/* ---- programs ---- */

#define N 3

static struct bpf_program *decode(const uint32_t *lengths, size_t n, size_t told, size_t room)
{
	uint64_t starts[N] = { 0xffffffffc0001000, 0xffffffffc0003000, 0xffffffffc0002000 };
	struct bpf_program_arrays arrays = { .starts = starts, .lengths = (uint32_t *)lengths };
	struct bpf_prog_info info = {
		.nr_jited_ksyms = n,
		.nr_jited_func_lens = n,
		.jited_prog_len = told,
	};
	struct bpf_program *program = calloc(1, sizeof(*program));

	arrays.code = calloc(1, sizeof(*arrays.code) + room);
	arrays.code->refs = 1;
	arrays.code->size = room;
	for (size_t i = 0; i < room; i++)
		arrays.code->bytes[i] = i;
	program->refs = 1;
	CHECK_EQ(bpf_program_decode(program, &info, &arrays, NULL), 0);
	bpf_code_unref(arrays.code); /* NULL when it was taken */
	return program;
}

/* The functions stand behind each other in the order of the program, wherever they run. */
static void test_functions(void)
{
	static const uint32_t lengths[N] = { 10, 20, 5 };
	struct bpf_program *program = decode(lengths, N, 35, 35);
	struct code_image *image;
	size_t at = 0;

	for (size_t i = 0; i < N; i++) {
		CHECK_EQ(code_image_of_program(program, i, &image), 0);
		CHECK_EQ(image->start, program->functions[i].start);
		CHECK_EQ(image->size, lengths[i]);
		CHECK_EQ(image->bytes[0], at);
		CHECK_EQ(image->bytes[image->size - 1], at + lengths[i] - 1);
		at += lengths[i];
		if (i < N - 1)
			code_image_unref(image);
	}
	/* The last one outlives the program, and so does its code. */
	bpf_program_unref(program);
	CHECK_EQ(image->bytes[4], 34);
	code_image_unref(image);
}

static void test_code_that_does_not_fit(void)
{
	static const uint32_t lengths[N] = { 10, 20, 5 }, huge[N] = { 10, UINT32_MAX, 5 };
	static const uint32_t none[N] = { 10, 0, 25 };
	struct code_image *image;
	struct bpf_program *program;

	program = decode(lengths, N, 34, 35); /* the kernel filled in less */
	CHECK_EQ(code_image_of_program(program, 0, &image), CODE_E_GONE);
	bpf_program_unref(program);
	program = decode(lengths, N, 30, 30); /* shorter than its functions */
	CHECK_EQ(code_image_of_program(program, 0, &image), CODE_E_GONE);
	bpf_program_unref(program);
	program = decode(huge, N, 35, 35);
	CHECK_EQ(code_image_of_program(program, 1, &image), CODE_E_NO_SIZE);
	CHECK_EQ(code_image_of_program(program, 2, &image), CODE_E_NO_SIZE); /* behind it */
	bpf_program_unref(program);
	program = decode(none, N, 35, 35);
	CHECK_EQ(code_image_of_program(program, 1, &image), CODE_E_NO_SIZE);
	CHECK_EQ(code_image_of_program(program, 2, &image), 0);
	CHECK_EQ(image->bytes[0], 10);
	code_image_unref(image);
	bpf_program_unref(program);
}

/* An image holds the code of its moment; the program may get another. */
static void test_replaced_code(void)
{
	static const uint32_t lengths[1] = { 4 };
	struct bpf_program *program = decode(lengths, 1, 4, 4);
	struct bpf_program *later = decode(lengths, 1, 4, 4);
	struct code_image *image;

	CHECK_EQ(code_image_of_program(program, 0, &image), 0);
	later->code->bytes[0] = 0xcc;
	bpf_code_unref(program->code);
	program->code = bpf_code_ref(later->code);
	CHECK_EQ(image->bytes[0], 0);
	code_image_unref(image);
	bpf_program_unref(program);
	bpf_program_unref(later);
}

static void test_words(void)
{
	for (int error = CODE_E_UNKNOWN; error <= CODE_E_NOT_COMPILED; error++) {
		CHECK(strlen(code_error_message(error)) > 10);
		CHECK(strlen(code_error_hint(error)) > 10);
	}
}

/* ---- /proc/kcore ---- */

#define SEGMENT 0xffffffff81000000ull

static void make_kcore(const char *path, size_t present)
{
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
		.e_type = ET_CORE,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	Elf64_Phdr segments[3] = {
		{ .p_type = PT_NOTE, .p_vaddr = SEGMENT, .p_memsz = 4096 },
		{ .p_type = PT_LOAD, .p_vaddr = SEGMENT, .p_offset = 4096, .p_memsz = 256 },
		{ .p_type = PT_LOAD, .p_vaddr = UINT64_MAX - 255, .p_offset = 4096,
		  .p_memsz = 256 },
	};
	unsigned char page[4096] = { 0 };
	FILE *file = fopen(path, "w");

	CHECK(file != NULL);
	memcpy(page, &header, sizeof(header));
	memcpy(page + sizeof(header), segments, sizeof(segments));
	CHECK_EQ(fwrite(page, 1, sizeof(page), file), sizeof(page));
	for (size_t i = 0; i < present; i++)
		fputc(i < 128 ? (int)i + 1 : 0, file); /* the second half is not mapped */
	fclose(file);
}

static void test_kcore(void)
{
	unsigned char bytes[300];
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/test-kcore-%d", (int)getpid());
	CHECK_EQ(kcore_read(path, SEGMENT, bytes, 16), -ENOENT);
	make_kcore(path, 256);
	CHECK_EQ(kcore_read(path, SEGMENT + 16, bytes, 16), 0);
	CHECK_EQ(bytes[0], 17);
	CHECK_EQ(bytes[15], 32);
	CHECK_EQ(kcore_read(path, SEGMENT, bytes, 256), 0);
	CHECK_EQ(kcore_read(path, UINT64_MAX - 255, bytes, 100), 0);
	CHECK_EQ(kcore_read(path, SEGMENT, bytes, 257), -ENXIO); /* beyond the segment */
	CHECK_EQ(kcore_read(path, SEGMENT + 250, bytes, 16), -ENXIO);
	CHECK_EQ(kcore_read(path, SEGMENT - 1, bytes, 16), -ENXIO);
	CHECK_EQ(kcore_read(path, 0, bytes, 16), -ENXIO);
	CHECK_EQ(kcore_read(path, SEGMENT + 128, bytes, 64), -ENXIO); /* zeroes alone */
	make_kcore(path, 20);
	CHECK_EQ(kcore_read(path, SEGMENT, bytes, 64), -ENXIO); /* the file ends before */

	file = fopen(path, "w");
	fputs("no core file, but long enough for the header of one: 0123456789abcdef", file);
	fclose(file);
	CHECK_EQ(kcore_read(path, SEGMENT, bytes, 16), -EBADMSG);
	CHECK_EQ(truncate(path, 10), 0);
	CHECK_EQ(kcore_read(path, SEGMENT, bytes, 16), -EBADMSG);
	unlink(path);
}

/* ---- maps ---- */

#define IMM64 (BPF_LD | BPF_IMM | BPF_DW)
#define MOVABS_RDI "\x48\xbf\x00\x10\x20\x30\x81\x88\xff\xff"
#define MOVABS_R10 "\x49\xba\x00\x10\x20\x30\x81\x88\xff\xff"
#define MOVABS_VALUE "\x48\xbe\xef\xcd\xab\x89\x67\x45\x23\x01"
#define MOVABS_OTHER "\x48\xbe\x11\x11\x11\x11\x11\x11\x11\x01"

static struct bpf_insn insns[] = {
	{ .code = IMM64, .dst_reg = 1, .imm = 7 }, /* becomes a short mov */
	{ 0 },
	{ .code = IMM64, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = 42 },
	{ 0 },
	{ .code = BPF_JMP | BPF_EXIT },
	{ .code = IMM64, .dst_reg = 2, .imm = (int32_t)0x89abcdef },
	{ .imm = 0x01234567 },
	{ .code = IMM64, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = 43 },
	{ .imm = 16 },
};

static const struct bpf_program_map *next(struct bpf_map_cursor *cursor, const char *bytes,
		uint32_t *ret_offset)
{
	struct instruction instruction = { .length = 10 };

	return bpf_map_cursor_next(cursor, &instruction, (const unsigned char *)bytes, ret_offset);
}

static void test_maps(void)
{
	struct bpf_program_map maps[] = { { .id = 42, .name = "flows" }, { .id = 43, .name = "" } };
	struct bpf_function function = { 0 };
	struct bpf_program program = {
		.n_functions = 1, .functions = &function,
		.n_insns = ARRAY_SIZE(insns), .insns = insns,
		.n_maps = ARRAY_SIZE(maps), .maps = maps,
	};
	struct bpf_map_cursor cursor;
	uint32_t offset = 1;

	bpf_map_cursor_init(&cursor, &program, 0);
	CHECK(next(&cursor, MOVABS_R10, &offset) == NULL); /* the compiler's own */
	CHECK(next(&cursor, MOVABS_RDI, &offset) == &maps[0]);
	CHECK_EQ(offset, 0);
	CHECK(next(&cursor, MOVABS_VALUE, &offset) == NULL);
	CHECK(next(&cursor, MOVABS_RDI, &offset) == &maps[1]);
	CHECK_EQ(offset, 16);
	CHECK(next(&cursor, MOVABS_RDI, &offset) == NULL); /* more than there are */

	/* From a constant that is not the program's on, nothing is said. */
	bpf_map_cursor_init(&cursor, &program, 0);
	CHECK(next(&cursor, MOVABS_RDI, &offset) == &maps[0]);
	CHECK(next(&cursor, MOVABS_OTHER, &offset) == NULL);
	CHECK(next(&cursor, MOVABS_RDI, &offset) == NULL);

	program.n_insns = 0; /* hidden */
	bpf_map_cursor_init(&cursor, &program, 0);
	CHECK(next(&cursor, MOVABS_RDI, &offset) == NULL);
}

int main(void)
{
	test_functions();
	test_code_that_does_not_fit();
	test_replaced_code();
	test_words();
	test_kcore();
	test_maps();
	return 0;
}
