/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where code comes from: of BPF programs from their own information, of everything else from
 * /proc/kcore. The rule that must not break: an image holds one function's bytes of one moment, and
 * nothing that happens later changes them.
 */
#include "daemon/symbol/code-image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/symbol/code.h"
#include "daemon/symbol/kcore.h"
#include "daemon/symbol/kinds.h"

#define KCORE_PATH "/proc/kcore"
#define LOCKDOWN_PATH "/sys/kernel/security/lockdown"

struct code_image *code_image_ref(struct code_image *image)
{
	if (image)
		image->refs++;
	return image;
}

struct code_image *code_image_unref(struct code_image *image)
{
	if (image && --image->refs == 0) {
		bpf_code_unref(image->captured);
		bpf_program_unref(image->program);
		free(image);
	}
	return NULL;
}

int code_image_of_program(struct bpf_program *program, size_t index, struct code_image **ret)
{
	const struct bpf_function *function = &program->functions[index];
	size_t size = function->end - function->start;
	struct code_image *image;

	if (program->code_state != CODE_READ)
		return program->code_state == CODE_HIDDEN ? CODE_E_HIDDEN : CODE_E_GONE;
	if (!size || function->code > program->code->size ||
	    size > program->code->size - function->code)
		return CODE_E_NO_SIZE;
	image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	*image = (struct code_image){
		.refs = 1,
		.start = function->start,
		.size = size,
		.kind = LOCATION_BPF_PROGRAM,
		.program = bpf_program_ref(program),
		.function = index,
		.captured = bpf_code_ref(program->code),
		.bytes = program->code->bytes + function->code,
	};
	*ret = image;
	return 0;
}

/* "none integrity [confidentiality]": the last forbids to read the kernel. */
static bool is_locked_down(void)
{
	_cleanup_fclose_ FILE *file = fopen(LOCKDOWN_PATH, "re");
	char line[128];

	return file && fgets(line, sizeof(line), file) && strstr(line, "[confidentiality]");
}

static enum code_error kcore_obstacle(int r)
{
	switch (r) {
	case -EPERM:
	case -EACCES:
		return is_locked_down() ? CODE_E_LOCKDOWN : CODE_E_PRIVILEGE;
	case -ENXIO:
		return CODE_E_UNMAPPED;
	default:
		return CODE_E_NO_KCORE;
	}
}

static int read_kernel(uint64_t start, uint64_t end, enum location_kind kind,
		struct code_image **ret)
{
	struct code_image *image;
	int r;

	if (end <= start || end - start > CODE_IMAGE_MAX)
		return CODE_E_NO_SIZE;
	image = calloc(1, sizeof(*image) + (end - start));
	if (!image)
		return -ENOMEM;
	image->refs = 1;
	image->start = start;
	image->size = end - start;
	image->kind = kind;
	image->bytes = image->own;
	r = kcore_read(KCORE_PATH, start, image->own, image->size);
	if (r < 0) {
		code_image_unref(image);
		return kcore_obstacle(r);
	}
	*ret = image;
	return 0;
}

static int read_image(const struct image *image, struct code_image **ret)
{
	if (image->program) {
		bpf_program_read_rest(image->program);
		return code_image_of_program(image->program, image->function, ret);
	}
	/* Of a trampoline that is gone nothing was kept, and other code may stand there. */
	if (image->until != LIFE_OPEN)
		return CODE_E_GONE;
	return read_kernel(image->start, image->end, image->kind, ret);
}

int code_image_find(struct code *code, uint64_t address, uint64_t timestamp,
		struct code_image **ret)
{
	const struct image *image;
	struct symbol symbol;

	if (symbol_table_lookup(code->kernel, address, &symbol))
		return read_kernel(symbol.start, symbol.end,
				   kind_of_kernel_symbol(symbol.name, NULL), ret);
	image = images_find(&code->images, address, timestamp);
	if (image)
		return read_image(image, ret);
	if (symbol_table_lookup(code_modules(code), address, &symbol) ||
	    (code_search(code, code_clock()) &&
	     symbol_table_lookup(code_modules(code), address, &symbol)))
		return read_kernel(symbol.start, symbol.end,
				   kind_of_kernel_symbol(symbol.name, symbol.module), ret);
	return code->addresses_hidden ? CODE_E_ADDRESSES_HIDDEN : CODE_E_UNKNOWN;
}

static const struct {
	const char *message;
	const char *hint;
} texts[] = {
	[CODE_E_UNKNOWN] = {
		"no function of the kernel, of a module or of a BPF program is there",
		"/proc/kallsyms lists the addresses of all of them.",
	},
	[CODE_E_NO_FUNCTION] = {
		"neither the kernel nor a module has a function of that name",
		"/proc/kallsyms lists them; one that is inlined everywhere is not among them.",
	},
	[CODE_E_HIDDEN] = {
		"the kernel hides the machine code of BPF programs (kernel.kptr_restrict)",
		"Set the sysctl kernel.kptr_restrict to 1 or 0 (and net.core.bpf_jit_harden to 0), "
		"or give lbrd CAP_SYSLOG and CAP_SYS_ADMIN.",
	},
	[CODE_E_ADDRESSES_HIDDEN] = {
		"the kernel hides the addresses of its functions (kernel.kptr_restrict)",
		"Set the sysctl kernel.kptr_restrict to 1 or 0, or give lbrd CAP_SYSLOG; a running "
		"lbrd notices.",
	},
	[CODE_E_GONE] = {
		"it was unloaded before its code was read",
		"Attach to it while it is loaded: its code is then kept.",
	},
	[CODE_E_NO_SIZE] = {
		"the kernel does not say where its code ends",
		"Choose a function that /proc/kallsyms lists.",
	},
	[CODE_E_PRIVILEGE] = {
		"lbrd may not read /proc/kcore, the memory of the kernel",
		"Start lbrd by lbrd.service, which hands it that file, with CAP_SYS_RAWIO, or as root.",
	},
	[CODE_E_LOCKDOWN] = {
		"the kernel is locked down (confidentiality) and shows its code to nobody",
		"Boot without lockdown=confidentiality; BPF programs can be dumped as it is.",
	},
	[CODE_E_NO_KCORE] = {
		"this kernel has no /proc/kcore that can be read",
		"Use a kernel with CONFIG_PROC_KCORE; BPF programs can be dumped as it is.",
	},
	[CODE_E_UNMAPPED] = {
		"the kernel shows no code there: it was unloaded, or was needed for the boot only",
		"Look whether its module is loaded.",
	},
	[CODE_E_AMBIGUOUS] = {
		"several functions have that name",
		"Say MODULE:NAME, or give the address: /proc/kallsyms lists them all.",
	},
	[CODE_E_NOT_COMPILED] = {
		"the kernel interprets it, and has no machine code of it",
		"Set the sysctl net.core.bpf_jit_enable to 1 and load it again, or use --xlated.",
	},
};

const char *code_error_message(enum code_error error)
{
	return texts[error].message;
}

const char *code_error_hint(enum code_error error)
{
	return texts[error].hint;
}
