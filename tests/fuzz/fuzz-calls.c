/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of every method with any parameters, and any records in the ring, by the ways that they
 * take in lbrd, on the double of the kernel. Asserted is that every answer and every event agrees
 * with the interface, that each call is answered in its turn, and that nothing stays attached. See
 * fuzz-message.c on how it is built and run.
 *
 * A line of input is one call: its first letter says which method and with which flags, what
 * follows are its parameters. Or it is a record, as it is behind a $, or behind a ! put together by
 * take_record(). A # at the beginning makes the client a user who may not see addresses.
 */
#include <errno.h>
#include <stdlib.h>

#include "bpf/record.h"
#include "common/clock.h"
#include "common/macro.h"
#include "daemon/api/limits.h"
#include "proto/message.h"
#include "tests/doubles/caller.h"
#include "tests/doubles/house.h"
#include "tests/doubles/sample.h"
#include "tests/fuzz/input.h"
#include "tests/unit/symbol/world.h"

#define MAX_DEPTH 16
#define MAX_REPLAY 8
#define NOBODY 65534

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct interface_member *find_method(uint8_t number)
{
	const struct interface *interface = caller_interface();
	size_t n = 0;

	for (size_t i = 0; i < interface->n_members; i++)
		n += interface->members[i].kind == INTERFACE_METHOD;
	number %= n;
	for (size_t i = 0;; i++)
		if (interface->members[i].kind == INTERFACE_METHOD && !number--)
			return &interface->members[i];
}

/*
 * JSON, without a NUL. Of a replay a few events do, or more than there can be: most of the others
 * are of former inputs, and cost a hundred times what the rest does.
 */
static bool is_fit(const char *text, size_t length)
{
	char *copy = strndup(text, length);
	struct json_object *json, *replay;
	bool is = false;

	if (strlen(copy) == length && message_parse(copy, length, MAX_DEPTH, &json) == 0) {
		int64_t n = json_object_object_get_ex(json, "replay", &replay) ?
				json_object_get_int64(replay) : 0;

		is = n <= MAX_REPLAY || n > (int64_t)limit_value(LIMIT_REPLAY_EVENTS);
		json_object_put(json);
	}
	free(copy);
	return is;
}

/* False: the connection is at its end, or nothing more can be asked. */
static bool call(struct caller *caller, uint8_t letter, const char *parameters, size_t length)
{
	bool more = letter & 1, oneway = (letter & 3) == 2;

	if (!is_fit(parameters, length))
		return true;
	if (!caller_send(caller, find_method(letter >> 2), more, oneway, parameters, length))
		return false;
	house_turn();
	caller_read(caller);
	return !caller->ended && caller->n_calls < CALLER_MAX_CALLS;
}

/* ---- the ring ---- */

static uint64_t take_address(struct input *input)
{
	static const uint64_t bases[] = {
		0, SAMPLE_MAIN, SAMPLE_MAIN, SAMPLE_MAIN, SAMPLE_MAIN, SAMPLE_SUB, UINT64_MAX - 255,
	};
	uint8_t place = input_byte(input);
	uint64_t base = place < ARRAY_SIZE(places) ? places[place].address :
						     bases[place % ARRAY_SIZE(bases)];

	return base + input_byte(input);
}

/* A record of one of the latest tracers, from and to places with a name. */
static void take_record(struct input *input)
{
	struct lbrd_record record = {.timestamp = clock_ns(CLOCK_MONOTONIC), .tid = 1};
	uint8_t flags = input_byte(input), n = 0;

	record.tracer = house_last_tracer() - flags % 4;
	record.cpu = flags & 4 ? UINT32_MAX - input_byte(input) : input_byte(input) % 4;
	record.pid = input_byte(input);
	record.return_value = (int8_t)input_byte(input);
	input_take(input, record.comm, sizeof(record.comm));
	for (; input->size && n < LBRD_MAX_BRANCHES; n++) {
		record.branches[n].from = take_address(input);
		record.branches[n].to = take_address(input);
		record.branches[n].type = input_byte(input) % 16;
		record.branches[n].cycles = input->size;
		record.branches[n].mispred = input->size & 1;
	}
	record.branch_bytes = flags & 8 ? -ENOENT : n * (int)sizeof(record.branches[0]);
	kernel_record(&record, LBRD_RECORD_HEADER_SIZE + n * sizeof(record.branches[0]));
}

static void record(struct caller *caller, uint8_t letter, const char *text, size_t length)
{
	struct input input = {(const uint8_t *)text, length};

	if (letter == '$')
		kernel_record(text, length);
	else
		take_record(&input);
	house_turn();
	caller_read(caller);
}

static void begin(void)
{
	static bool begun;

	if (begun)
		return;
	begun = true;
	house_open();
	atexit(house_close);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;
	struct caller caller;
	bool going = true;

	begin();
	caller_init(&caller, size && *data == '#' ? NOBODY : 0);
	while (text < end && going) {
		const char *newline = memchr(text, '\n', end - text);
		const char *stop = newline ? newline : end;

		if (stop > text && (*text == '$' || *text == '!'))
			record(&caller, *text, text + 1, stop - text - 1);
		else if (stop > text && *text != '#')
			going = call(&caller, *text, text + 1, stop - text - 1);
		text = stop + !!newline;
	}
	caller_deinit(&caller);
	house_turn();
	house_clear();
	return 0;
}
