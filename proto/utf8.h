/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence that starts at `p` (1 to 4); 0 when it is not well-formed. `p` < `end`. */
size_t utf8_sequence(const char *p, const char *end);
bool utf8_valid(const char *data, size_t length);
/* Writes `codepoint` (at most U+10FFFF) to `ret`; returns the number of bytes, 1 to 4. */
size_t utf8_encode(uint32_t codepoint, char ret[static 4]);
