/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every program, link and map is a file in memory. The rule that must not break: like the kernel,
 * it never writes more of an array than it was given room for.
 */
#include "tests/doubles/kernel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/macro.h"

#define TRACER_ID 1000
#define TRACER_BYTES 1 /* by which its descriptor is told from that of the loaded program */

static const struct kernel_program *loaded;
static bool asked;
static int program_file = -1; /* what a descriptor of the loaded program is a duplicate of */
static uint8_t *ring;
static size_t ring_bytes;

static int fail(int error)
{
	errno = error;
	return -error;
}

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static int make_file(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size) < 0)
		return fail(ENOMEM);
	return fd;
}

/* ---- programs that are loaded ---- */

void kernel_load(const struct kernel_program *program)
{
	loaded = program;
	asked = false;
}

static int open_program(void)
{
	if (program_file < 0)
		program_file = make_file("program", 0);
	return fcntl(program_file, F_DUPFD_CLOEXEC, 0);
}

int bpf_prog_get_next_id(__u32 start, __u32 *next)
{
	if (!loaded || start >= KERNEL_PROGRAM_ID)
		return fail(ENOENT);
	*next = KERNEL_PROGRAM_ID;
	return 0;
}

int bpf_prog_get_fd_by_id(__u32 id)
{
	return loaded && id == KERNEL_PROGRAM_ID ? open_program() : fail(ENOENT);
}

int bpf_obj_get(const char *path)
{
	return loaded && !strcmp(path, KERNEL_PROGRAM_PATH) ? open_program() : fail(ENOENT);
}

int bpf_map_get_fd_by_id(__u32 id)
{
	return fail(ENOENT);
}

int bpf_btf_get_next_id(__u32 start, __u32 *next)
{
	return fail(ENOENT);
}

int bpf_btf_get_fd_by_id(__u32 id)
{
	return fail(ENOENT);
}

static struct btf *make_btf(void)
{
	struct btf *btf = loaded ? btf__new(loaded->btf.data, loaded->btf.size) : NULL;

	return libbpf_get_error(btf) ? NULL : btf;
}

struct btf *btf__load_from_kernel_by_id(__u32 id)
{
	return make_btf();
}

struct btf *btf__parse(const char *path, struct btf_ext **ret)
{
	struct btf *btf = make_btf();

	if (!btf)
		fail(ENOENT);
	return btf;
}

struct btf *btf__parse_split(const char *path, struct btf *base)
{
	fail(ENOENT);
	return NULL;
}

/* Returns what becomes of the pointer. */
static __u64 fill(enum kernel_array array, __u64 pointer, size_t room)
{
	const struct kernel_bytes *bytes = &loaded->arrays[array];

	if (!pointer || loaded->hidden & 1u << array)
		return 0;
	if (bytes->size)
		memcpy((void *)(uintptr_t)pointer, bytes->data, MIN(room, bytes->size));
	return pointer;
}

static void tell(struct bpf_prog_info *info)
{
	struct bpf_prog_info told = asked ? loaded->later : loaded->first;

	asked = true;
	told.jited_ksyms = fill(KERNEL_STARTS, info->jited_ksyms,
			info->nr_jited_ksyms * sizeof(__u64));
	told.jited_func_lens = fill(KERNEL_LENGTHS, info->jited_func_lens,
			info->nr_jited_func_lens * sizeof(__u32));
	told.func_info = fill(KERNEL_FUNCTIONS, info->func_info,
			(size_t)info->nr_func_info * info->func_info_rec_size);
	told.line_info = fill(KERNEL_LINES, info->line_info,
			(size_t)info->nr_line_info * info->line_info_rec_size);
	told.jited_line_info = fill(KERNEL_LINE_ADDRESSES, info->jited_line_info,
			info->nr_jited_line_info * sizeof(__u64));
	told.jited_prog_insns = fill(KERNEL_CODE, info->jited_prog_insns, info->jited_prog_len);
	told.xlated_prog_insns = fill(KERNEL_INSNS, info->xlated_prog_insns, info->xlated_prog_len);
	told.map_ids = fill(KERNEL_MAPS, info->map_ids, info->nr_map_ids * sizeof(__u32));
	memcpy(info, &told, sizeof(told));
}

static bool is_tracer(int fd)
{
	struct stat file;

	return fstat(fd, &file) == 0 && file.st_size == TRACER_BYTES;
}

int bpf_obj_get_info_by_fd(int fd, void *info, __u32 *length)
{
	if (*length != sizeof(struct bpf_prog_info))
		return fail(EINVAL);
	if (is_tracer(fd))
		((struct bpf_prog_info *)info)->id = TRACER_ID;
	else if (loaded)
		tell(info);
	else
		return fail(ENOENT);
	return 0;
}

/* ---- what lbrd loads ---- */

int bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size,
		__u32 max_entries, const struct bpf_map_create_opts *options)
{
	size_t page = page_size();
	int fd;

	if (type != BPF_MAP_TYPE_RINGBUF)
		return make_file("map", ((size_t)value_size * max_entries + page - 1) / page * page);
	fd = make_file("ring", 2 * page + 2 * (size_t)max_entries);
	if (fd < 0)
		return fd;
	if (ring)
		munmap(ring, 2 * page + 2 * ring_bytes);
	ring_bytes = max_entries;
	ring = mmap(NULL, 2 * page + 2 * ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return fd;
}

int bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license,
		const struct bpf_insn *insns, size_t n, const struct bpf_prog_load_opts *options)
{
	return make_file("tracer", TRACER_BYTES);
}

int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *options)
{
	options->retval = getpid();
	return 0;
}

int bpf_raw_tracepoint_open(const char *name, int fd)
{
	return make_file("link", 0);
}

int libbpf_probe_bpf_helper(enum bpf_prog_type type, enum bpf_func_id helper, const void *options)
{
	return 1;
}

/* Its data stand twice in a row. */
static void put(uint64_t position, const void *data, size_t size)
{
	uint8_t *bytes = ring + 2 * page_size();

	for (size_t i = 0; i < size; i++) {
		size_t at = (position + i) % ring_bytes;

		bytes[at] = bytes[at + ring_bytes] = ((const uint8_t *)data)[i];
	}
}

void kernel_record(const void *data, size_t length)
{
	uint64_t *consumer = (uint64_t *)ring, *producer = (uint64_t *)(ring + page_size());
	size_t size = (length + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
	const uint32_t header[2] = {length};

	if (*producer + size - *consumer > ring_bytes)
		return;
	put(*producer, header, sizeof(header));
	put(*producer + sizeof(header), data, length);
	*producer += size;
}
