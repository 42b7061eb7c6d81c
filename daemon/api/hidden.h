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
#define KERNEL_ADDRESSES_BEGIN UINT64_C(0xff00000000000000)
#define KERNEL_ADDRESSES_END UINT64_C(0xffffffffff000000)

static inline bool is_kernel_address(uint64_t value)
{
	return value >= KERNEL_ADDRESSES_BEGIN && value < KERNEL_ADDRESSES_END;
}

/*
 * Copies a text of instructions or of an error, with "0x..." for every number that may tell where
 * the kernel is, in hexadecimal or decimal, negative ones included. That is more than addresses: a
 * per-CPU pointer is the distance of two of them, and lies between the halves; and the distance of
 * an instruction from a per-CPU variable, whose place everybody knows, is the instruction's own.
 * Cut off where it does not fit. Returns `buffer`.
 */
const char *hide_addresses(const char *text, char *buffer, size_t size);
