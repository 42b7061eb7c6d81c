/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier lbrd left: a good state, some bytes of which the input changes, its checksums put
 * right. What is accepted must be safe to walk. Built and run as fuzz-message.c says.
 */
#include <stdint.h>

#include "tests/unit/api/state-sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Numbers of things that fit the size; else the checksums are nowhere. */
static bool has_its_size(const struct state_header *header, size_t size)
{
	return header->n_tracers < 100 && header->n_attachments < 100 && header->n_uses < 100 &&
			size == state_size(header->n_tracers, header->n_attachments,
			header->n_uses);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_view view;
	size_t state_bytes;
	uint8_t *memory = sample_state(&view, &state_bytes);
	size_t interesting = (uint8_t *)(view.journal + 8) - memory;

	for (size_t i = 0; i + 3 <= size; i += 3)
		memory[(data[i] << 8 | data[i + 1]) % interesting] = data[i + 2];
	if (has_its_size(view.header, state_bytes)) {
		state_view_init(&view, memory);
		view.header->checksum = state_header_checksum(&view);
		for (unsigned int copy = 0; copy < 2; copy++)
			view.progress[copy]->checksum = state_progress_checksum(&view, copy);
	}
	if (!state_check(memory, state_bytes, &view))
		walk_state(&view);
	free(memory);
	return 0;
}
