/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF_OBJ_GET_INFO_BY_FD is asked twice: first for the numbers, then with room for the arrays. The
 * rule that must not break: no descriptor outlives a call, since it would keep the program alive.
 */
#include "daemon/symbol/bpf-program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "common/cleanup.h"
#include "common/macro.h"

#define MAX_RECORD_SIZE 256

DEFINE_CLEANUP(struct btf *, btf__free)

struct bpf_program *bpf_program_ref(struct bpf_program *program)
{
	if (program)
		program->refs++;
	return program;
}

static void forget(struct bpf_program *program)
{
	for (size_t i = 0; i < program->n_functions; i++)
		free(program->functions[i].name);
	free(program->functions);
	free(program->lines);
	free(program->lines_by_insn);
	free(program->strings);
	free(program->insns);
	free(program->maps);
	bpf_code_unref(program->code);
}

struct bpf_code *bpf_code_ref(struct bpf_code *code)
{
	if (code)
		code->refs++;
	return code;
}

struct bpf_code *bpf_code_unref(struct bpf_code *code)
{
	if (code && --code->refs == 0)
		free(code);
	return NULL;
}

struct bpf_program *bpf_program_unref(struct bpf_program *program)
{
	if (program && --program->refs == 0) {
		forget(program);
		free(program);
	}
	return NULL;
}

int bpf_program_next(uint32_t id, uint32_t *ret)
{
	int r = bpf_prog_get_next_id(id, ret);

	return r < 0 ? -errno : 0;
}

static void *array(size_t n, size_t size)
{
	return n ? calloc(n, size) : NULL;
}

static void arrays_deinit(struct bpf_program_arrays *arrays)
{
	free(arrays->starts);
	free(arrays->lengths);
	free(arrays->functions);
	free(arrays->lines);
	free(arrays->line_addresses);
	free(arrays->insns);
	free(arrays->maps);
	bpf_code_unref(arrays->code);
}

/* Room for the code, which is filled through info->jited_prog_insns. */
static int prepare_code(const struct bpf_prog_info *counted, struct bpf_program_arrays *arrays,
		struct bpf_prog_info *info)
{
	uint32_t size = counted->jited_prog_len;

	if (!size)
		return 0;
	if (size > BPF_PROGRAM_MAX_CODE)
		return -EFBIG;
	arrays->code = calloc(1, sizeof(*arrays->code) + size);
	if (!arrays->code)
		return -ENOMEM;
	arrays->code->refs = 1;
	arrays->code->size = size;
	info->jited_prog_len = size;
	info->jited_prog_insns = (uintptr_t)arrays->code->bytes;
	return 0;
}

static int prepare_insns(const struct bpf_prog_info *counted, struct bpf_program_arrays *arrays,
		struct bpf_prog_info *info)
{
	uint32_t n = counted->xlated_prog_len / sizeof(struct bpf_insn);
	uint32_t n_maps = MIN(counted->nr_map_ids, BPF_PROGRAM_MAX_MAPS);

	if (n > BPF_PROGRAM_MAX_INSNS)
		return -EFBIG;
	arrays->insns = array(n, sizeof(*arrays->insns));
	arrays->maps = array(n_maps, sizeof(*arrays->maps));
	if ((n && !arrays->insns) || (n_maps && !arrays->maps))
		return -ENOMEM;
	info->xlated_prog_len = n * sizeof(*arrays->insns);
	info->xlated_prog_insns = (uintptr_t)arrays->insns;
	info->nr_map_ids = n_maps;
	info->map_ids = (uintptr_t)arrays->maps;
	return 0;
}

/*
 * Room for what the first call counted; `info` becomes the question of the second. It is cleared
 * by memset() here and everywhere: the kernel refuses padding that is not zero, and an initializer
 * leaves that as it is.
 */
static int prepare(const struct bpf_prog_info *counted, unsigned int parts,
		struct bpf_program_arrays *arrays, struct bpf_prog_info *info)
{
	uint32_t n_functions = MIN(counted->nr_jited_ksyms, (uint32_t)BPF_PROGRAM_MAX_FUNCTIONS);
	uint32_t n_infos = MIN(counted->nr_func_info, (uint32_t)BPF_PROGRAM_MAX_FUNCTIONS);
	uint32_t n_lines = MIN(counted->nr_line_info, BPF_PROGRAM_MAX_LINES);
	uint32_t n_jited = MIN(counted->nr_jited_line_info, BPF_PROGRAM_MAX_LINES);
	int r = 0;

	if (counted->func_info_rec_size > MAX_RECORD_SIZE ||
	    counted->line_info_rec_size > MAX_RECORD_SIZE)
		return -EBADMSG;
	if (!(parts & BPF_PROGRAM_LINES))
		n_lines = n_jited = 0;

	arrays->starts = array(n_functions, sizeof(*arrays->starts));
	arrays->lengths = array(n_functions, sizeof(*arrays->lengths));
	arrays->functions = array(n_infos, counted->func_info_rec_size);
	arrays->lines = array(n_lines, counted->line_info_rec_size);
	arrays->line_addresses = array(n_jited, sizeof(*arrays->line_addresses));
	if ((n_functions && (!arrays->starts || !arrays->lengths)) ||
	    (n_infos && !arrays->functions) || (n_lines && !arrays->lines) ||
	    (n_jited && !arrays->line_addresses))
		return -ENOMEM;

	memset(info, 0, sizeof(*info));
	info->nr_jited_ksyms = n_functions;
	info->jited_ksyms = (uintptr_t)arrays->starts;
	info->nr_jited_func_lens = n_functions;
	info->jited_func_lens = (uintptr_t)arrays->lengths;
	info->nr_func_info = n_infos;
	info->func_info_rec_size = counted->func_info_rec_size;
	info->func_info = (uintptr_t)arrays->functions;
	info->nr_line_info = n_lines;
	info->line_info_rec_size = counted->line_info_rec_size;
	info->line_info = (uintptr_t)arrays->lines;
	info->nr_jited_line_info = n_jited;
	info->jited_line_info_rec_size = sizeof(uint64_t);
	info->jited_line_info = (uintptr_t)arrays->line_addresses;
	if (parts & BPF_PROGRAM_CODE)
		r = prepare_code(counted, arrays, info);
	if (r == 0 && (parts & BPF_PROGRAM_INSNS))
		r = prepare_insns(counted, arrays, info);
	return r;
}

/* The counts that come back are the program's; what was filled in is no more than we had asked. */
static void bound(struct bpf_prog_info *info, const struct bpf_prog_info *asked)
{
	info->nr_jited_ksyms = MIN(info->nr_jited_ksyms, asked->nr_jited_ksyms);
	info->nr_jited_func_lens = MIN(info->nr_jited_func_lens, asked->nr_jited_func_lens);
	info->nr_func_info = MIN(info->nr_func_info, asked->nr_func_info);
	info->func_info_rec_size = asked->func_info_rec_size;
	info->nr_line_info = MIN(info->nr_line_info, asked->nr_line_info);
	info->line_info_rec_size = asked->line_info_rec_size;
	info->nr_jited_line_info = MIN(info->nr_jited_line_info, asked->nr_jited_line_info);
	info->jited_line_info_rec_size = asked->jited_line_info_rec_size;
	info->jited_prog_len = MIN(info->jited_prog_len, asked->jited_prog_len);
	info->xlated_prog_len = MIN(info->xlated_prog_len, asked->xlated_prog_len);
	info->nr_map_ids = MIN(info->nr_map_ids, asked->nr_map_ids);
}

static int get_info(int fd, struct bpf_prog_info *info)
{
	uint32_t size = sizeof(*info);

	return bpf_obj_get_info_by_fd(fd, info, &size) < 0 ? -errno : 0;
}

/* What the kernel keeps for itself it leaves as it was, and clears the pointer to it. */
static void note_hidden(struct bpf_program *program, unsigned int parts,
		const struct bpf_prog_info *counted, const struct bpf_program_arrays *arrays,
		struct bpf_prog_info *info)
{
	/* kptr_restrict and bpf_jit_harden: lengths, but no addresses. */
	program->hidden = counted->nr_jited_ksyms && (!info->jited_ksyms || !arrays->starts[0]);
	if (program->hidden)
		info->nr_jited_ksyms = 0;
	if (!info->jited_line_info)
		info->nr_jited_line_info = 0;
	if (parts & BPF_PROGRAM_CODE && !info->jited_prog_insns) {
		info->jited_prog_len = 0;
		if (counted->jited_prog_len && !program->code)
			program->code_state = CODE_HIDDEN;
	}
	if (parts & BPF_PROGRAM_INSNS && !info->xlated_prog_insns) {
		info->xlated_prog_len = 0;
		program->insns_hidden = counted->xlated_prog_len != 0;
	}
}

/* The names of the maps; one that cannot be had stays empty. */
static void read_map_names(struct bpf_program *program)
{
	for (size_t i = 0; i < program->n_maps; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(program->maps[i].id);
		struct bpf_map_info info;
		uint32_t size = sizeof(info);

		memset(&info, 0, sizeof(info));
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
			snprintf(program->maps[i].name, sizeof(program->maps[i].name), "%s",
				 info.name);
	}
}

static int read_into(struct bpf_program *program, int fd, unsigned int parts)
{
	_cleanup_(arrays_deinit) struct bpf_program_arrays arrays = {};
	_cleanup_(btf__free_p) struct btf *btf = NULL;
	struct bpf_prog_info counted, asked, info;
	int r;

	memset(&counted, 0, sizeof(counted));
	r = get_info(fd, &counted);
	if (r < 0)
		return r;
	r = prepare(&counted, parts, &arrays, &asked);
	if (r < 0)
		return r;
	memcpy(&info, &asked, sizeof(info));
	r = get_info(fd, &info);
	if (r < 0)
		return r;
	bound(&info, &asked);

	program->loaded_at = info.load_time;
	note_hidden(program, parts, &counted, &arrays, &info);

	/* Without BTF there are plain names and no lines, which is no error. */
	if (info.btf_id && (!program->functions || (parts & BPF_PROGRAM_LINES)))
		btf = btf__load_from_kernel_by_id(info.btf_id);
	r = bpf_program_decode(program, &info, &arrays, btf);
	if (r < 0)
		return r;
	if (parts & BPF_PROGRAM_LINES)
		program->lines_state = LINES_READ;
	if (parts & BPF_PROGRAM_INSNS) {
		program->insns_asked = true;
		read_map_names(program);
	}
	return 0;
}

int bpf_program_read(uint32_t id, unsigned int parts, struct bpf_program **ret)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_program *program;
	int r;

	if (fd < 0)
		return -errno;
	program = calloc(1, sizeof(*program));
	if (!program)
		return -ENOMEM;
	program->refs = 1;
	program->id = id;
	program->bytes = sizeof(*program);
	r = read_into(program, fd, parts);
	if (r < 0) {
		bpf_program_unref(program);
		return r;
	}
	*ret = program;
	return 0;
}

void bpf_program_read_rest(struct bpf_program *program)
{
	_cleanup_close_ int fd = -1;
	unsigned int parts = 0;

	if (program->lines_state == LINES_UNREAD)
		parts |= BPF_PROGRAM_LINES;
	if (program->code_state == CODE_UNREAD)
		parts |= BPF_PROGRAM_CODE;
	if (!parts)
		return;
	if (parts & BPF_PROGRAM_LINES)
		program->lines_state = LINES_GONE;
	if (parts & BPF_PROGRAM_CODE)
		program->code_state = CODE_GONE;
	fd = bpf_prog_get_fd_by_id(program->id);
	if (fd >= 0)
		read_into(program, fd, parts);
}

void bpf_program_read_code(struct bpf_program *program)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program->id);

	if (fd >= 0)
		read_into(program, fd, BPF_PROGRAM_CODE);
	else if (program->code_state == CODE_UNREAD)
		program->code_state = CODE_GONE;
}

void bpf_program_read_insns(struct bpf_program *program)
{
	_cleanup_close_ int fd = -1;

	if (program->insns_asked)
		return;
	program->insns_asked = true;
	fd = bpf_prog_get_fd_by_id(program->id);
	if (fd >= 0)
		read_into(program, fd, BPF_PROGRAM_INSNS);
}
