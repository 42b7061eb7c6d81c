/* SPDX-License-Identifier: Apache-2.0 */
/* Growing arrays and tables without duplicates, for a process that ends when memory does. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How lbrd-index ends; the daemon and scripts rely on the numbers. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* a system call failed, or memory ran out */
	EXIT_USAGE = 2,
	EXIT_UNFIT = 3, /* not an object file, not that build, or without debug information */
};

/* Says "lbrd-index: …" on standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and ends the process. */
_Noreturn void fail(enum exit_status status, const char *format, ...)
		__attribute__((format(printf, 2, 3)));

/*
 * Makes room for `n` more elements of `width` bytes behind `used`; the array may move. Never
 * returns without.
 */
void *grow(void *array, size_t *capacity, size_t used, size_t n, size_t width);

/* Records of one width, each kept once and numbered in the order of their coming. */
struct records {
	size_t width;
	uint8_t *items;
	size_t n;
	size_t capacity;
	uint32_t *slots; /* number + 1; 0: free */
	size_t mask;
};

void records_init(struct records *records, size_t width);
void records_deinit(struct records *records);
uint32_t records_add(struct records *records, const void *item);

/* Strings with their ends, each kept once; none crosses a multiple of `piece` bytes. */
struct strings {
	size_t piece;
	char *bytes;
	size_t n;
	size_t capacity;
	uint32_t *slots; /* where it starts; 0: free, for the empty string stands there */
	size_t used;
	size_t mask;
};

void strings_init(struct strings *strings, size_t piece);
void strings_deinit(struct strings *strings);

/* Where the string stands; what is longer than a piece is cut. NULL is the empty string, at 0. */
uint32_t strings_add(struct strings *strings, const char *string);
