/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the kernel, found where they are not members of their own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The upper half of the address space as five levels of page tables divide it, but for its last
 * 16 MB, where fixed mappings lie and every error number and small negative number is.
 */
static inline bool is_kernel_address(uint64_t value)
{
	return value >= UINT64_C(0xff00000000000000) && value < UINT64_C(0xffffffffff000000);
}

/*
 * Copies a text of instructions or of an error; every number in it that is_kernel_address(), in
 * hexadecimal or decimal, negative ones included, becomes "0x...". Cut off where it does not fit.
 * Returns `buffer`.
 */
const char *hide_addresses(const char *text, char *buffer, size_t size);
