// SPDX-License-Identifier: Apache-2.0
/*
 * BPF_OBJ_GET_INFO_BY_FD in its two steps: ask for the sizes, bring arrays of these sizes.
 *
 * The rule that must not break: what the kernel hides (kptr_restrict, bpf_jit_harden) it leaves as
 * zero while the sizes stay, so that every array is cleared before.
 */
#include "daemon/trace/program-info.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/macro.h"

#define MAX_FUNCTIONS 4096u /* BPF_MAX_SUBPROGS is 256 */
#define MAX_INSNS (8u << 20) /* a program has at most a million, the verifier adds to them */

static int ask(int fd, struct bpf_prog_info *info)
{
	uint32_t size = sizeof(*info);

	return bpf_obj_get_info_by_fd(fd, info, &size) ? -errno : 0;
}

static int make_arrays(struct program_info *info, const struct bpf_prog_info *sizes,
		bool with_insns)
{
	/* More than the kernel can have: it would be room for nothing. */
	if (sizes->nr_jited_ksyms > MAX_FUNCTIONS || sizes->nr_func_info > MAX_FUNCTIONS ||
	    sizes->xlated_prog_len > MAX_INSNS * sizeof(*info->insns))
		return -EFBIG;
	info->n_functions = sizes->nr_jited_ksyms;
	info->n_btf_functions = sizes->nr_func_info;
	info->n_insns = with_insns ? sizes->xlated_prog_len / sizeof(*info->insns) : 0;
	/* One more than needed, since calloc(0) may be NULL. */
	info->addresses = calloc(info->n_functions + 1, sizeof(*info->addresses));
	info->lengths = calloc(info->n_functions + 1, sizeof(*info->lengths));
	info->btf_functions = calloc(info->n_btf_functions + 1, sizeof(*info->btf_functions));
	info->insns = calloc(info->n_insns + 1, sizeof(*info->insns));
	if (!info->addresses || !info->lengths || !info->btf_functions || !info->insns)
		return -ENOMEM;

	info->kernel = (struct bpf_prog_info){
		.nr_jited_ksyms = info->n_functions,
		.jited_ksyms = (uintptr_t)info->addresses,
		.nr_jited_func_lens = info->n_functions,
		.jited_func_lens = (uintptr_t)info->lengths,
		.nr_func_info = info->n_btf_functions,
		.func_info_rec_size = sizeof(*info->btf_functions),
		.func_info = (uintptr_t)info->btf_functions,
		.xlated_prog_len = info->n_insns * sizeof(*info->insns),
		.xlated_prog_insns = (uintptr_t)info->insns,
	};
	return 0;
}

int program_info_read(int fd, bool with_insns, struct program_info *ret)
{
	_cleanup_(program_info_deinit) struct program_info info = {};
	struct bpf_prog_info sizes = {};
	int r;

	r = ask(fd, &sizes);
	if (r)
		return r;
	r = make_arrays(&info, &sizes, with_insns);
	if (r)
		return r;
	r = ask(fd, &info.kernel);
	if (r)
		return r;
	/* Sizes are those of the program, not of what was copied: they must not have grown. */
	if (info.kernel.nr_jited_ksyms > info.n_functions ||
	    info.kernel.nr_func_info > info.n_btf_functions)
		return -EAGAIN;
	info.n_functions = MIN(info.n_functions, info.kernel.nr_jited_func_lens);
	/* A blinded program (bpf_jit_harden) keeps its instructions to itself. */
	if (!info.kernel.xlated_prog_insns)
		info.n_insns = 0;
	*ret = info;
	info = (struct program_info){};
	return 0;
}

void program_info_deinit(struct program_info *info)
{
	free(info->addresses);
	free(info->lengths);
	free(info->btf_functions);
	free(info->insns);
	*info = (struct program_info){};
}
