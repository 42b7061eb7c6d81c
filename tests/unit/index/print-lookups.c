/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks up each address of standard input and prints it as llvm-symbolizer would.
 * usage: print-lookups INDEX [SECTION: addresses are offsets in it]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/symbol/index.h"

#define MAX_FRAMES 128

static void print_frames(struct index *index, uint64_t address)
{
	struct location_frame frames[MAX_FRAMES];
	size_t n = index_lookup(index, address, frames, MAX_FRAMES);

	for (size_t i = 0; i < n; i++) {
		const struct location_frame *f = &frames[i];

		printf("%s\n%s:%u:%u\n", f->function ? f->function : "??",
				f->file ? f->file : "??", f->line, f->column);
	}
	if (n == 0)
		puts("??\n??:0:0");
	putchar('\n');
}

int main(int argc, char **argv)
{
	const char *reason = "";
	struct index *index;
	uint64_t base = 0, size;
	char line[64];
	int r;

	if (argc < 2)
		return 2;
	r = index_open(argv[1], NULL, 0, &index, &reason);
	if (r != 0) {
		fprintf(stderr, "%s: %s\n", argv[1], r < 0 ? strerror(-r) : reason);
		return 1;
	}
	if (argc > 2 && !index_section(index, argv[2], &base, &size)) {
		fprintf(stderr, "%s: no section %s\n", argv[1], argv[2]);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin))
		print_frames(index, base + strtoull(line, NULL, 0));
	r = index_damaged(index) || index_verify(index) != 0;
	index_close(index);
	return r;
}
