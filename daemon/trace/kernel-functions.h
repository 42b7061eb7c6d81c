/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the kernel and its modules, by BTF. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/model/target.h"
#include "daemon/trace/names.h"

struct kernel_functions;

/* Reads nothing yet. */
int kernel_functions_new(struct kernel_functions **ret);
void kernel_functions_free(struct kernel_functions *functions);
/* Gives back the memory of the kernel's BTF (8 to 10 MB); it is read again when it is needed. */
void kernel_functions_trim(struct kernel_functions *functions);

/*
 * Finds "function", or "module:function", and fills kind, function, module, btf_id and the return
 * type of `ret`. -ENOENT: no such function; `suggestion` then was offered all there are. -ENOTUNIQ:
 * several modules have one, and `ret->module` names one of them. -ENOPKG: the kernel has no BTF.
 */
int kernel_functions_find(struct kernel_functions *functions, const char *text,
		struct name_suggestion *suggestion, struct target *ret);

/* The descriptor of a module's BTF, or a negative errno; -ENOENT: no such module (any more). */
int kernel_functions_open_module(const char *module);
