/* SPDX-License-Identifier: Apache-2.0 */
/* Takes an input apart: what it does not have is zero. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *data;
	size_t size;
};

/* The next `size` bytes, as far as there are any; *ret_size says how many. Borrowed. */
static inline const uint8_t *input_slice(struct input *input, size_t size, size_t *ret_size)
{
	const uint8_t *data = input->data;

	*ret_size = size < input->size ? size : input->size;
	input->data += *ret_size;
	input->size -= *ret_size;
	return data;
}

static inline void input_take(struct input *input, void *buffer, size_t size)
{
	size_t got;
	const uint8_t *data = input_slice(input, size, &got);

	memset(buffer, 0, size);
	if (got)
		memcpy(buffer, data, got);
}

static inline uint8_t input_byte(struct input *input)
{
	uint8_t byte;

	input_take(input, &byte, sizeof(byte));
	return byte;
}

static inline uint16_t input_short(struct input *input)
{
	uint16_t value;

	input_take(input, &value, sizeof(value));
	return value;
}
