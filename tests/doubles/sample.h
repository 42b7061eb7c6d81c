/* SPDX-License-Identifier: Apache-2.0 */
/* A program for the double of the kernel: a loop, a call, a helper, a map; lines and types. */
#pragma once

#include <stdint.h>

#include "tests/doubles/kernel.h"

#define SAMPLE_MAIN 0xffffffffc0100000ull
#define SAMPLE_MAIN_SIZE 0x34
#define SAMPLE_SUB (SAMPLE_MAIN + 0x40)
#define SAMPLE_SUB_SIZE 4

/* Lives for ever. */
const struct kernel_program *sample_program(void);
