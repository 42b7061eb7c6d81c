/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without a fuzzer: over the files given, and over mutations of each. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t random_state = 1;

static uint32_t next_random(uint32_t limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint64_t)(random_state >> 8) * limit >> 24;
}

/* Changes, removes or repeats a few bytes; `data` has room for twice `size`. */
static size_t mutate(uint8_t *data, size_t size)
{
	static const uint8_t bytes[] = "{}[]\",:\\/u0123456789eE+-.tfn \0\x80\xc3\xed\xf4\xff";

	for (uint32_t i = next_random(4) + 1; i > 0 && size > 1; i--) {
		size_t at = next_random(size), n = next_random(8);

		n = n < size - at ? n : size - at;
		switch (next_random(3)) {
		case 0:
			data[at] = bytes[next_random(sizeof(bytes))];
			break;
		case 1:
			memmove(data + at, data + at + n, size - at - n);
			size -= n;
			break;
		default:
			memmove(data + at + n, data + at, size - at);
			size += n;
		}
	}
	return size;
}

static int run_file(const char *path)
{
	uint8_t data[8192];
	FILE *f = fopen(path, "rb");
	size_t size;

	if (!f) {
		perror(path);
		return 1;
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	for (int i = 0; i < MUTATIONS; i++) {
		uint8_t copy[2 * sizeof(data)];

		memcpy(copy, data, size);
		LLVMFuzzerTestOneInput(copy, mutate(copy, size));
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return 1;
	}
	for (int i = 1; i < argc; i++)
		if (run_file(argv[i]) != 0)
			return 1;
	return 0;
}
