/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the time of a fed lbrd goes. The linker puts these around the stages of a snapshot's way
 * (--wrap); each counts its own time without that of the stages it calls. Written at the end to the
 * file that LBRD_STAGES names: a line for each stage, with nanoseconds and calls.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "daemon/api/attachments.h"
#include "daemon/api/encoder.h"
#include "daemon/api/hub.h"
#include "daemon/symbol/rows.h"
#include "daemon/trace/record.h"
#include "daemon/wire/output.h"

enum stage {
	ELSEWHERE,
	DECODE,
	ADMIT,
	REFRESH,
	SYMBOLIZE,
	ENCODE,
	HAND_OUT,
	SEND,
	N_STAGES,
};

static const char *const names[] = {
	[DECODE] = "decode", [ADMIT] = "admit", [REFRESH] = "refresh symbols",
	[SYMBOLIZE] = "symbolize", [ENCODE] = "encode", [HAND_OUT] = "hand out", [SEND] = "send",
};

static struct {
	uint64_t ns, calls;
} spent[N_STAGES];
static enum stage current;
static uint64_t since;

/* Returns the stage to go back to. */
static enum stage enter(enum stage stage)
{
	enum stage before = current;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	spent[current].ns += now - since;
	spent[stage].calls++;
	since = now;
	current = stage;
	return before;
}

static void leave(enum stage before)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	spent[current].ns += now - since;
	since = now;
	current = before;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("LBRD_STAGES");
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return;
	for (int stage = DECODE; stage < N_STAGES; stage++)
		fprintf(f, "%s\t%" PRIu64 "\t%" PRIu64 "\n", names[stage], spent[stage].ns,
			spent[stage].calls);
	fclose(f);
}

#define WRAP(own, type, function, parameters, arguments) \
	type __real_##function parameters; \
	type __wrap_##function parameters; \
	type __wrap_##function parameters \
	{ \
		enum stage before = enter(own); \
		type r = __real_##function arguments; \
\
		leave(before); \
		return r; \
	}
#define WRAP_VOID(own, function, parameters, arguments) \
	void __real_##function parameters; \
	void __wrap_##function parameters; \
	void __wrap_##function parameters \
	{ \
		enum stage before = enter(own); \
\
		__real_##function arguments; \
		leave(before); \
	}

WRAP(DECODE, int, record_decode, (const void *data, size_t length, struct snapshot *ret),
     (data, length, ret))
WRAP(ADMIT, bool, attachments_admit,
     (struct attachments *attachments, const struct snapshot *snapshot, struct audience *ret),
     (attachments, snapshot, ret))
WRAP_VOID(REFRESH, symbols_refresh, (struct symbols *symbols), (symbols))
WRAP_VOID(SYMBOLIZE, rows_build,
	  (struct symbols *symbols, const struct snapshot *snapshot, const struct target *target,
	   bool raw, struct rows *ret),
	  (symbols, snapshot, target, raw, ret))
WRAP_VOID(HAND_OUT, hub_flush, (struct hub *hub), (hub))
WRAP(SEND, ptrdiff_t, output_send, (struct output *output, int fd), (output, fd))
WRAP(SEND, ptrdiff_t, output_send_frame, (struct output *output, int fd, struct frame *frame),
     (output, fd, frame))

/* Called for each delivery, and does something for the first. */
int __real_encoder_encode(struct encoder *encoder, struct observation *observation, enum view view);
int __wrap_encoder_encode(struct encoder *encoder, struct observation *observation, enum view view);
int __wrap_encoder_encode(struct encoder *encoder, struct observation *observation, enum view view)
{
	enum stage before;
	int r;

	if (observation->frames[view])
		return 0;
	before = enter(ENCODE);
	r = __real_encoder_encode(encoder, observation, view);
	leave(before);
	return r;
}
