/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs that a process holds. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Ids of the programs that the process holds a descriptor of, directly or by a link, each once;
 * the caller frees `*ret`. -ENOENT: no such process.
 */
int owner_programs(pid_t pid, uint32_t **ret, size_t *ret_n);
