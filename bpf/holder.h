/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A descriptor of a process, as the iterator of holders.bpf.c tells of it. */
#pragma once

#include <linux/types.h>

struct lbrd_holder {
	__u64 operations; /* what kind of file it is: the same for all of a kind */
	__u32 pid;
	__u32 fd;
	__u32 as_program; /* id of the program, if the file is one; else anything */
	__u32 as_link; /* id of the program, if the file is a link; else anything */
};
