/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it takes to find and to encode the addresses of standard input, over and over, in this
 * process and without a cache of locations: prints nanoseconds of CPU time for all of them.
 * usage: hot-record INDEX ROUNDS
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "daemon/api/location-text.h"
#include "daemon/symbol/index.h"

#define MAX_ADDRESSES 64 /* a record of 32 branches */
#define MAX_FRAMES 32

static size_t find_and_encode(struct index *index, uint64_t address)
{
	struct location_frame frames[MAX_FRAMES];
	struct location location = {.address = address, .kind = LOCATION_KERNEL};
	size_t n = index_lookup(index, address, frames, MAX_FRAMES);
	char text[4096];

	if (n > 0) {
		location.symbol = frames[n - 1].function;
		location.file = frames[n - 1].file;
		location.line = frames[n - 1].line;
		location.column = frames[n - 1].column;
		location.frames = frames;
		location.n_frames = n - 1;
	}
	return location_text_render(&location, text, sizeof(text));
}

int main(int argc, char **argv)
{
	uint64_t addresses[MAX_ADDRESSES], started;
	size_t n = 0, bytes = 0;
	struct index *index;
	unsigned long rounds;
	char line[64];

	if (argc != 3 || index_open(argv[1], NULL, 0, &index, NULL) != 0)
		return 1;
	while (n < MAX_ADDRESSES && fgets(line, sizeof(line), stdin))
		addresses[n++] = strtoull(line, NULL, 0);
	rounds = strtoul(argv[2], NULL, 10);
	started = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned long i = 0; i < rounds; i++)
		for (size_t k = 0; k < n; k++)
			bytes += find_and_encode(index, addresses[k]);
	printf("%.0f\n", (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - started) / rounds);
	index_close(index);
	return bytes == 0;
}
