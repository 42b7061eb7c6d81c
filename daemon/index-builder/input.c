/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens what is to be indexed. A relocatable object (a module) goes through libdwfl, which lays
 * out its sections and applies the relocations of its debug information; all others are read as
 * they are.
 */
#include "daemon/index-builder/input.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <elfutils/libdwelf.h>

#include "common/cleanup.h"
#include "daemon/index-builder/memory.h"
#include "daemon/index-builder/unpack.h"

#define DESCRIPTORS "/proc/self/fd/"

/* To open a descriptor by its path would ask for permission again, and we may have dropped ours. */
static int open_file(const char *path)
{
	int fd;

	if (strncmp(path, DESCRIPTORS, strlen(DESCRIPTORS)) == 0)
		fd = fcntl(atoi(path + strlen(DESCRIPTORS)), F_DUPFD_CLOEXEC, 0);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		complain("%s: %s", path, strerror(errno));
		return -1;
	}
	return unpack_file(fd, path);
}

static Elf *open_elf(int fd, const char *path, GElf_Ehdr *ret_header)
{
	Elf *elf = dwelf_elf_begin(fd);

	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, ret_header))
		return elf;
	elf_end(elf);
	complain("%s: not an object file, or truncated", path);
	return NULL;
}

static struct build_id read_build_id(Elf *elf)
{
	struct build_id id = {0};
	const void *bits;
	ssize_t length = dwelf_elf_gnu_build_id(elf, &bits);

	if (length > 0 && length <= INDEX_MAX_BUILD_ID) {
		memcpy(id.bytes, bits, length);
		id.length = length;
	}
	return id;
}

bool input_read_build_id(const char *path, struct build_id *ret)
{
	_cleanup_close_ int fd = -1;
	GElf_Ehdr header;
	Elf *elf;

	elf_version(EV_CURRENT);
	fd = open_file(path);
	elf = fd >= 0 ? open_elf(fd, path, &header) : NULL;
	if (!elf)
		return false;
	*ret = read_build_id(elf);
	elf_end(elf);
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct input_section *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void read_sections(struct input *input)
{
	size_t names, capacity = 0, n = 0;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(input->elf, &names) < 0)
		names = 0;
	while ((section = elf_nextscn(input->elf, section))) {
		const char *name;
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_EXECINSTR) ||
				!(header.sh_flags & SHF_ALLOC) || header.sh_size == 0)
			continue;
		name = elf_strptr(input->elf, names, header.sh_name);
		input->sections = grow(input->sections, &capacity, n, 1, sizeof(*input->sections));
		input->sections[n++] = (struct input_section){
			.name = strdup(name ? name : ""),
			.start = header.sh_addr,
			.size = header.sh_size,
		};
	}
	input->n_sections = n;
	if (n)
		qsort(input->sections, n, sizeof(*input->sections), by_start);
}

/* A kernel says where its text starts: what KASLR moves is known by it. */
static void find_text_start(struct input *input)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(input->elf, section))) {
		GElf_Shdr header;
		Elf_Data *data;
		GElf_Sym symbol;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB ||
				!(data = elf_getdata(section, NULL)))
			continue;
		for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
			const char *name = elf_strptr(input->elf, header.sh_link, symbol.st_name);

			if (!name || strcmp(name, "_stext") != 0)
				continue;
			input->text_start = symbol.st_value;
			input->has_text_start = true;
			return;
		}
	}
}

static int no_other_file(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		const char *file, const char *link, GElf_Word crc, char **ret)
{
	return -1;
}

/* The library takes `fd` over. */
static bool open_relocatable(struct input *input, const char *path, int fd)
{
	static const Dwfl_Callbacks callbacks = {
		.section_address = dwfl_offline_section_address,
		.find_debuginfo = no_other_file,
	};
	Dwfl_Module *module;
	Dwarf_Addr bias;

	input->dwfl = dwfl_begin(&callbacks);
	if (!input->dwfl)
		fail(EXIT_FAILED, "out of memory");
	dwfl_report_begin(input->dwfl);
	/* It reads on from where the last reader of a compressed file stopped. */
	lseek(fd, 0, SEEK_SET);
	module = dwfl_report_offline(input->dwfl, path, path, fd);
	if (!module) {
		close_fd(fd);
		return false;
	}
	dwfl_report_end(input->dwfl, NULL, NULL);
	input->dwarf = dwfl_module_getdwarf(module, &bias);
	input->elf = dwfl_module_getelf(module, &bias);
	return input->dwarf && input->elf;
}

/* Names that dwz moved to another file cannot be read without it. */
static bool alternate_is_there(struct input *input, const char *path)
{
	const char *alternate;
	const void *id;

	if (dwelf_dwarf_gnu_debugaltlink(input->dwarf, &alternate, &id) <= 0 ||
			dwarf_getalt(input->dwarf))
		return true;
	complain("%s: a part of the debug information is in %s, which is not there", path,
			alternate);
	return false;
}

static bool has_units(Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;

	return dwarf_get_units(dwarf, NULL, &unit, NULL, NULL, NULL, NULL) == 0;
}

static bool open_dwarf(struct input *input, const char *path)
{
	if (input->relocatable) {
		elf_end(input->elf);
		input->elf = NULL;
		open_relocatable(input, path, TAKE_FD(input->fd));
	} else {
		input->dwarf = dwarf_begin_elf(input->elf, DWARF_C_READ, NULL);
	}
	if (!input->dwarf || !has_units(input->dwarf)) {
		complain("%s: no debug information", path);
		return false;
	}
	return alternate_is_there(input, path);
}

static bool is_build(const struct build_id *id, const struct build_id *wanted)
{
	return id->length == wanted->length && memcmp(id->bytes, wanted->bytes, id->length) == 0;
}

static bool open_input(struct input *input, const char *path, const struct build_id *build_id)
{
	GElf_Ehdr header;

	input->fd = open_file(path);
	if (input->fd < 0)
		return false;
	input->elf = open_elf(input->fd, path, &header);
	if (!input->elf)
		return false;
	input->build_id = read_build_id(input->elf);
	if (build_id && !is_build(&input->build_id, build_id)) {
		complain("%s: of another build", path);
		return false;
	}
	input->relocatable = header.e_type == ET_REL;
	if (!open_dwarf(input, path))
		return false;
	read_sections(input);
	if (input->n_sections == 0) {
		complain("%s: no section with code", path);
		return false;
	}
	if (!input->relocatable)
		find_text_start(input);
	return true;
}

bool input_open(struct input *input, const char *path, const struct build_id *build_id)
{
	elf_version(EV_CURRENT);
	memset(input, 0, sizeof(*input));
	input->fd = -1;
	if (open_input(input, path, build_id))
		return true;
	input_close(input);
	return false;
}

void input_close(struct input *input)
{
	for (size_t i = 0; i < input->n_sections; i++)
		free(input->sections[i].name);
	free(input->sections);
	if (input->dwfl) {
		dwfl_end(input->dwfl);
	} else {
		dwarf_end(input->dwarf);
		elf_end(input->elf);
	}
	close_fd(input->fd);
	memset(input, 0, sizeof(*input));
	input->fd = -1;
}
