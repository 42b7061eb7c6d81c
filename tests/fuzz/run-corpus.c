/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer: over a file, or all files of a directory, and over mutations
 * of each, as many as are asked for.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int run_file(const char *path, int mutations)
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
	for (int i = 0; i < mutations; i++) {
		uint8_t copy[2 * sizeof(data)];

		memcpy(copy, data, size);
		LLVMFuzzerTestOneInput(copy, mutate(copy, size));
	}
	return 0;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int run_directory(const char *path, int mutations)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort), failed = n <= 0;

	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		failed |= run_file(file, mutations);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	DIR *directory;

	if (argc != 3) {
		fprintf(stderr, "usage: %s MUTATIONS FILE|DIRECTORY\n", argv[0]);
		return 1;
	}
	directory = opendir(argv[2]);
	if (!directory)
		return run_file(argv[2], atoi(argv[1]));
	closedir(directory);
	return run_directory(argv[2], atoi(argv[1]));
}
