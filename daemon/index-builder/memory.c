/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays and tables that only grow. What they hold is numbered with 32 bits, checked here. */
#include "daemon/index-builder/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *format, va_list arguments)
{
	fputs("lbrd-index: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}

void fail(enum exit_status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	exit(status);
}

static void *allocate(void *old, size_t n, size_t width)
{
	void *p = reallocarray(old, n, width);

	if (!p)
		fail(EXIT_FAILED, "out of memory");
	return p;
}

void *grow(void *array, size_t *capacity, size_t used, size_t n, size_t width)
{
	if (n <= *capacity - used)
		return array;
	*capacity = *capacity + n + *capacity / 2 + 64;
	return allocate(array, *capacity, width);
}

static uint64_t hash_bytes(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t hash = size, word;

	for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, bytes, size);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

static uint32_t *new_slots(size_t n)
{
	uint32_t *slots = allocate(NULL, n, sizeof(*slots));

	memset(slots, 0, n * sizeof(*slots));
	return slots;
}

void records_init(struct records *records, size_t width)
{
	memset(records, 0, sizeof(*records));
	records->width = width;
	records->mask = 1023;
	records->slots = new_slots(records->mask + 1);
}

void records_deinit(struct records *records)
{
	free(records->items);
	free(records->slots);
}

/* The slot that holds the item, or the free one where it belongs. */
static uint32_t *records_slot(const struct records *records, const void *item)
{
	size_t width = records->width, at = hash_bytes(item, width) & records->mask;

	while (records->slots[at] &&
			memcmp(records->items + (records->slots[at] - 1) * width, item, width) != 0)
		at = (at + 1) & records->mask;
	return &records->slots[at];
}

static void records_widen(struct records *records)
{
	free(records->slots);
	records->mask = records->mask * 4 + 3;
	records->slots = new_slots(records->mask + 1);
	for (size_t i = 0; i < records->n; i++)
		*records_slot(records, records->items + i * records->width) = i + 1;
}

uint32_t records_add(struct records *records, const void *item)
{
	uint32_t *slot = records_slot(records, item);

	if (*slot)
		return *slot - 1;
	if (records->n >= UINT32_MAX - 1)
		fail(EXIT_FAILED, "the input is too large");
	records->items = grow(records->items, &records->capacity, records->n, 1, records->width);
	memcpy(records->items + records->n * records->width, item, records->width);
	*slot = ++records->n;
	if (records->n > records->mask / 2)
		records_widen(records);
	return records->n - 1;
}

void strings_init(struct strings *strings, size_t piece)
{
	memset(strings, 0, sizeof(*strings));
	strings->piece = piece;
	strings->mask = 4095;
	strings->slots = new_slots(strings->mask + 1);
	strings->bytes = grow(NULL, &strings->capacity, 0, 1, 1);
	strings->bytes[0] = '\0';
	strings->n = 1;
}

void strings_deinit(struct strings *strings)
{
	free(strings->bytes);
	free(strings->slots);
}

static uint32_t *strings_slot(const struct strings *strings, const char *string, size_t length)
{
	size_t at = hash_bytes(string, length) & strings->mask;

	while (strings->slots[at]) {
		const char *there = strings->bytes + strings->slots[at];

		if (strncmp(there, string, length) == 0 && there[length] == '\0')
			break;
		at = (at + 1) & strings->mask;
	}
	return &strings->slots[at];
}

static void strings_widen(struct strings *strings)
{
	uint32_t *old = strings->slots;
	size_t n = strings->mask + 1;

	strings->mask = strings->mask * 4 + 3;
	strings->slots = new_slots(strings->mask + 1);
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*strings_slot(strings, strings->bytes + old[i],
					strlen(strings->bytes + old[i])) = old[i];
	free(old);
}

uint32_t strings_add(struct strings *strings, const char *string)
{
	size_t length = string ? strnlen(string, strings->piece - 1) : 0, left;
	uint32_t *slot;

	if (length == 0)
		return 0;
	slot = strings_slot(strings, string, length);
	if (*slot)
		return *slot;
	strings->bytes = grow(strings->bytes, &strings->capacity, strings->n,
			strings->piece + length, 1);
	left = strings->piece - strings->n % strings->piece;
	if (left < length + 1) {
		memset(strings->bytes + strings->n, 0, left);
		strings->n += left;
	}
	if (strings->n > UINT32_MAX - strings->piece)
		fail(EXIT_FAILED, "the input is too large");
	memcpy(strings->bytes + strings->n, string, length);
	strings->bytes[strings->n + length] = '\0';
	*slot = strings->n;
	strings->n += length + 1;
	if (++strings->used > strings->mask / 2) {
		uint32_t at = *slot;

		strings_widen(strings);
		return at;
	}
	return *slot;
}
