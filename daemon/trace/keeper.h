/* SPDX-License-Identifier: Apache-2.0 */
/* Where descriptors outlive this process, as the owner of a trace or an lbr offers it. */
#pragma once

/* Longest name of a descriptor, its NUL byte included. */
#define KEPT_NAME_MAX 32

struct keeper {
	/* Keeps a duplicate under that name from now on. A negative errno: it is not kept. */
	int (*keep)(const char *name, int fd, void *userdata);
	/* Lets go of all that was kept under that name, as soon as settle() has returned. */
	void (*forget)(const char *name, void *userdata);
	/* Waits, for a moment at most, until all that was to be forgotten is closed. */
	void (*settle)(void *userdata);
	void *userdata;
};
