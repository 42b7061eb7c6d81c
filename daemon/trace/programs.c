// SPDX-License-Identifier: Apache-2.0
/*
 * Reads loaded BPF programs with the full names of their functions, which stand in BTF only:
 * bpf_prog_info.name is cut at 15 characters.
 *
 * The rule that must not break: a program's descriptor keeps it loaded, so none outlives the
 * function that opened it.
 */
#include "daemon/trace/programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/trace/btf-function.h"
#include "daemon/trace/program-info.h"

DEFINE_CLEANUP(struct btf *, btf__free)

static void format_tag(const uint8_t *tag, char *buffer)
{
	for (size_t i = 0; i < BPF_TAG_SIZE; i++)
		sprintf(buffer + 2 * i, "%02x", tag[i]);
}

static const char *type_name(uint32_t type)
{
	const char *name = libbpf_bpf_prog_type_str((enum bpf_prog_type)type);

	return name ? name : "unknown";
}

static void read_function(const struct program_info *info, const struct btf *btf, size_t index,
		struct program_function *ret)
{
	ret->return_bytes = 8;
	if (index < info->n_functions) {
		ret->start = info->addresses[index];
		ret->size = info->lengths[index];
	}
	if (btf && index < info->n_btf_functions) {
		ret->btf_id = info->btf_functions[index].type_id;
		btf_function_return(btf, ret->btf_id, &ret->return_kind, &ret->return_bytes);
		snprintf(ret->name, sizeof(ret->name), "%s", btf_function_name(btf, ret->btf_id));
	}
	if (!ret->name[0] && index == 0)
		snprintf(ret->name, sizeof(ret->name), "%s", info->kernel.name);
}

static int read_functions(const struct program_info *info, const struct btf *btf,
		struct program *program)
{
	program->n_functions = MAX(info->n_functions, info->n_btf_functions);
	program->n_functions = MAX(program->n_functions, (size_t)1); /* not compiled, no BTF */
	program->functions = calloc(program->n_functions, sizeof(*program->functions));
	if (!program->functions)
		return -ENOMEM;
	for (size_t i = 0; i < program->n_functions; i++)
		read_function(info, btf, i, &program->functions[i]);
	return 0;
}

int program_read(uint32_t id, struct program *ret)
{
	_cleanup_(program_info_deinit) struct program_info info = {};
	_cleanup_(btf__free_p) struct btf *btf = NULL;
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	int r;

	if (fd < 0)
		return -errno;
	r = program_info_read(fd, false, &info);
	if (r)
		return r;
	if (info.kernel.btf_id) {
		btf = btf__load_from_kernel_by_id(info.kernel.btf_id);
		/* What there is no room for now is not missing; what may not be seen is. */
		if (!btf && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
			return -errno;
	}

	*ret = (struct program){
		.id = info.kernel.id,
		.type = info.kernel.type,
		.type_name = type_name(info.kernel.type),
		.loaded_at = info.kernel.load_time,
		.uid = info.kernel.created_by_uid,
		.jited_size = info.kernel.jited_prog_len,
		.btf_object_id = info.kernel.btf_id,
		.addresses_hidden = info.n_functions && !info.addresses[0],
	};
	format_tag(info.kernel.tag, ret->tag);
	r = read_functions(&info, btf, ret);
	if (r)
		return r;
	snprintf(ret->name, sizeof(ret->name), "%s", ret->functions[0].name);
	return 0;
}

void program_deinit(struct program *program)
{
	free(program->functions);
	*program = (struct program){};
}

int program_next(uint32_t id, uint32_t *ret)
{
	return bpf_prog_get_next_id(id, ret) ? -errno : 0;
}
