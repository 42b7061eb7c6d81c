/* SPDX-License-Identifier: Apache-2.0 */
/* Where on this machine the debug information of the kernel or of a module may be. */
#pragma once

#include <stdbool.h>

/* False: enough. */
typedef bool (*debug_info_fn)(const char *path, void *userdata);

/*
 * Calls `fn` with every path under which distributions put a file with the debug information of
 * `object` ("vmlinux" or the name of a module), the likeliest first; the files need not be there,
 * nor be the right ones: their build id tells. `build_id` hexadecimal; `release` as uname -r;
 * `root` "" or another root directory. Reads the list of the installed modules for a module.
 */
void debug_info_paths(const char *root, const char *object, const char *build_id,
		const char *release, debug_info_fn fn, void *userdata);
