/* SPDX-License-Identifier: Apache-2.0 */
/* Text of unknown origin made fit for a terminal: harmless, measured, shortened. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies `source` so that a terminal shows it and nothing else happens: control characters,
 * direction overrides, invalid UTF-8 and, unless `utf8`, all that is not ASCII become '?'. Writes
 * at most `length` bytes (never more than it reads), no NUL, and returns how many.
 */
size_t text_sanitize(char *buffer, const char *source, size_t length, bool utf8);

/* Columns that sanitized text takes on a terminal. */
unsigned int text_width(const char *text, size_t length);

/*
 * How many bytes at the end of sanitized text (for text_head: at its start) fit in `width`
 * columns; *ret_width is what they take.
 */
size_t text_tail(const char *text, size_t length, unsigned int width, unsigned int *ret_width);
size_t text_head(const char *text, size_t length, unsigned int width, unsigned int *ret_width);

/*
 * How many bytes of sanitized text make the next line of a paragraph, `width` columns wide (0: any
 * width): it ends before a blank where there is one.
 */
size_t text_line(const char *text, size_t length, unsigned int width);

/* Writes `value` in decimal, at most 20 bytes and no NUL; returns how many. */
size_t text_decimal(char *buffer, unsigned long long value);
