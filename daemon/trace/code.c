// SPDX-License-Identifier: Apache-2.0
/*
 * Relocates the embedded tracer.
 *
 * libbpf's loader could do it, but a tracer is loaded for every target: each time it would parse
 * the object anew, parse the kernel's BTF whenever the target is a kernel function, and it cannot
 * size the pool of slots by the number of CPUs. What remains to be done here is one kind of
 * relocation (R_BPF_64_64) against a handful of undefined symbols.
 *
 * The rule that must not break: an undefined symbol that is not in the table is an error, never a
 * zero.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/trace/code.h"

#define R_BPF_64_64 1

static const unsigned char object[] __attribute__((aligned(8))) = {
#include "bpf/tracer-bytes.h"
};

static const Elf64_Ehdr *const header = (const Elf64_Ehdr *)object;

static const Elf64_Shdr *section_at(size_t index)
{
	return (const Elf64_Shdr *)(object + header->e_shoff) + index;
}

static const char *string_at(size_t string_section, size_t offset)
{
	return (const char *)object + section_at(string_section)->sh_offset + offset;
}

static const Elf64_Shdr *section_find(const char *name, size_t *ret_index)
{
	for (size_t i = 1; i < header->e_shnum; i++)
		if (!strcmp(string_at(header->e_shstrndx, section_at(i)->sh_name), name)) {
			*ret_index = i;
			return section_at(i);
		}
	return NULL;
}

/* `insn` is the first half of a 64-bit load: both halves carry a part of the value. */
static void load_constant(struct bpf_insn *insn, uint64_t value)
{
	insn[0].src_reg = 0;
	insn[0].imm = (int32_t)value;
	insn[1].imm = (int32_t)(value >> 32);
}

/* The addend, where the compiler left it, is an offset into the map's value. */
static void load_map_value(struct bpf_insn *insn, int fd)
{
	insn[1].imm = insn[0].imm;
	insn[0].imm = fd;
	insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
}

static int relocate(struct bpf_insn *insn, const char *symbol, const struct code_values *values)
{
	if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
		return -EBADMSG;

	if (!strcmp(symbol, "lbrd_pool")) {
		load_map_value(insn, values->pool_fd);
	} else if (!strcmp(symbol, "lbrd_control")) {
		load_map_value(insn, values->control_fd);
	} else if (!strcmp(symbol, "lbrd_ring")) {
		load_constant(insn, (uint32_t)values->ring_fd);
		insn->src_reg = BPF_PSEUDO_MAP_FD;
	} else if (!strcmp(symbol, "lbrd_slot_mask")) {
		load_constant(insn, values->slot_mask);
	} else if (!strcmp(symbol, "lbrd_branch_bytes")) {
		load_constant(insn, values->branch_bytes);
	} else if (!strcmp(symbol, "lbrd_number")) {
		load_constant(insn, values->number);
	} else if (!strcmp(symbol, "lbrd_reads_return_value")) {
		load_constant(insn, values->reads_return_value);
	} else {
		return -EBADMSG;
	}
	return 0;
}

static int relocate_section(const Elf64_Shdr *relocations, const struct code_values *values,
		struct bpf_insn *insns, size_t n)
{
	const Elf64_Rel *rel = (const Elf64_Rel *)(object + relocations->sh_offset);
	const Elf64_Shdr *symbol_table = section_at(relocations->sh_link);
	const Elf64_Sym *symbols = (const Elf64_Sym *)(object + symbol_table->sh_offset);

	for (size_t i = 0; i < relocations->sh_size / sizeof(*rel); i++) {
		const Elf64_Sym *symbol = &symbols[ELF64_R_SYM(rel[i].r_info)];
		size_t at = rel[i].r_offset / sizeof(*insns);
		int r;

		if (ELF64_R_TYPE(rel[i].r_info) != R_BPF_64_64 || symbol->st_shndx != SHN_UNDEF ||
		    at + 1 >= n)
			return -EBADMSG;
		r = relocate(&insns[at], string_at(symbol_table->sh_link, symbol->st_name), values);
		if (r)
			return r;
	}
	return 0;
}

int code_build(bool branches, const struct code_values *values, struct bpf_insn **ret,
		size_t *ret_n)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	const Elf64_Shdr *section;
	size_t index, n;

	section = section_find(branches ? "branches" : "plain", &index);
	if (!section)
		return -EBADMSG;
	n = section->sh_size / sizeof(*insns);
	insns = malloc(section->sh_size);
	if (!insns)
		return -ENOMEM;
	memcpy(insns, object + section->sh_offset, section->sh_size);

	for (size_t i = 1; i < header->e_shnum; i++) {
		int r;

		if (section_at(i)->sh_type != SHT_REL || section_at(i)->sh_info != index)
			continue;
		r = relocate_section(section_at(i), values, insns, n);
		if (r)
			return r;
	}
	*ret = TAKE_PTR(insns);
	*ret_n = n;
	return 0;
}
