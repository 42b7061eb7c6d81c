/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reader of events remembers must not change what it reads: random events, whole and
 * damaged, mean the same to a reader that has seen all the others and to one that has seen none.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include "client/event.h"
#include "tests/unit/check.h"

#define ROUNDS 4000
#define TEXT_SIZE 65536

static uint64_t state = 88172645463325252u;

/* xorshift64: the same events in every run. */
static unsigned int any(unsigned int bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 16) % bound;
}

struct text {
	char data[TEXT_SIZE];
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text->length += (size_t)vsnprintf(text->data + text->length, TEXT_SIZE - text->length,
					  format, arguments);
	va_end(arguments);
	CHECK(text->length < TEXT_SIZE);
}

static void put_place(struct text *text)
{
	static const char *const symbols[] = { "parse", "f\\u00fcnf", "a\\nb", "" };
	static const char *const tails[] = { "", ",\"column\":7", ",\"module\":\"bpf\"",
					     ",\"file\":null", ", \"x\" : {\"y\":[1,\"}\"]} " };
	/* Few enough that most branches come again, in another company. */
	unsigned int offset = any(4), tail = any(10) ? offset : 4;

	if (!any(20)) {
		put(text, "{\"address\":\"0x%x\"}", any(3));
		return;
	}
	put(text, "{\"address\":\"0xffffffff8100%04x\",\"symbol\":\"%s\",\"offset\":%u", offset,
	    symbols[offset], offset);
	if (offset & 1)
		put(text, ",\"file\":\"/src/%u.c\",\"line\":%u", offset, 1 + 11 * !any(8));
	put(text, "%s}", tails[tail]);
}

static void put_member(struct text *text, unsigned int which)
{
	static const char *const types[] = { "\"call\"", "\"return\"", "\"newest\"", "null" };

	switch (which) {
	case 0:
		put(text, "\"from\":");
		put_place(text);
		break;
	case 1:
		put(text, "\"to\":");
		put_place(text);
		break;
	case 2:
		put(text, "\"mispredicted\":%s", any(2) ? "true" : "false");
		break;
	case 3:
		put(text, "\"type\":%s", types[any(4)]);
		break;
	case 4:
		put(text, "\"weight\":%s", any(2) ? "1" : "12");
		break;
	default:
		put(text, "\"cycles\":%u", any(200));
		break;
	}
}

static void put_branch(struct text *text)
{
	unsigned int order[] = { 0, 1, 2, 3, 4, 5 }, n = 2 + any(5);

	/* In the usual order most of the time. */
	if (!any(4)) {
		for (unsigned int i = 5; i; i--) {
			unsigned int j = any(i + 1), swapped = order[i];

			order[i] = order[j];
			order[j] = swapped;
		}
		n = 6;
	}
	put(text, "{");
	for (unsigned int i = 0; i < n; i++) {
		put(text, "%s", i ? "," : "");
		put_member(text, order[i]);
	}
	put(text, "}");
}

static void put_event(struct text *text)
{
	unsigned int n = any(12);

	text->length = 0;
	put(text, "{\"sequence\":%u,\"target\":{\"name\":\"t\",\"mode\":\"exit\"},", any(1000));
	put(text, "\"command\":\"c\\u001b\",\"cpu\":%u,\"branches\":[", any(64));
	for (unsigned int i = 0; i < n; i++) {
		put(text, "%s", i ? "," : "");
		put_branch(text);
	}
	put(text, "],\"returnValue\":-%u}", any(10));
}

static void damage(struct text *text)
{
	static const char bytes[] = "0123456789{}[]\",:\\ eax\xff";

	if (any(2))
		text->data[any((unsigned int)text->length)] = bytes[any(sizeof(bytes) - 1)];
	else
		text->length = any((unsigned int)text->length);
}

static int read_text(struct event_reader *reader, const struct text *text, struct event *ret)
{
	struct json_reader r;
	/* A copy without a byte to spare shows every read beyond the end. */
	char *copy = malloc(text->length + 1);
	int error;

	CHECK(copy);
	memcpy(copy, text->data, text->length);
	copy = realloc(copy, text->length ? text->length : 1);
	CHECK(copy);
	json_reader_init(&r, copy, text->length);
	error = event_read(reader, &r, ret);
	if (!error)
		error = json_finish(&r);
	free(copy);
	return error;
}

static void check_place(const struct place *a, const struct place *b)
{
	CHECK_EQ(a->function, b->function);
	for (int i = 0; i < PLACE_DETAILS; i++) {
		CHECK_EQ(a->labels[i].width, b->labels[i].width);
		CHECK_STR(a->labels[i].text, b->labels[i].text);
	}
}

static void check_same(const struct event *a, const struct event *b)
{
	CHECK_EQ(a->sequence, b->sequence);
	CHECK_EQ(a->cpu, b->cpu);
	CHECK_EQ(a->return_value, b->return_value);
	CHECK_EQ(a->n_rows, b->n_rows);
	for (size_t i = 0; i < a->n_rows; i++) {
		const struct event_row *x = &a->rows[i], *y = &b->rows[i];

		check_place(x->from, y->from);
		check_place(x->to, y->to);
		CHECK_EQ(x->mispredicted, y->mispredicted);
		CHECK_EQ(x->has_cycles, y->has_cycles);
		CHECK_EQ(x->cycles, y->cycles);
		CHECK(x->type == y->type);
	}
}

int main(void)
{
	struct terminal terminal = { .glyphs = { ",", "|", "`", "~", "= " } };
	static struct event warm, cold;
	static struct text text;
	struct event_reader *knowing, *fresh;
	size_t good = 0, bad = 0;

	for (int i = 0; i < STYLE_COUNT; i++)
		terminal.styles[i] = "";
	CHECK_EQ(event_reader_new(&terminal, &knowing), 0);
	for (int round = 0; round < ROUNDS; round++) {
		int error;

		put_event(&text);
		if (any(2))
			damage(&text);
		error = read_text(knowing, &text, &warm);
		CHECK_EQ(event_reader_new(&terminal, &fresh), 0);
		CHECK_EQ(!read_text(fresh, &text, &cold), !error);
		if (!error)
			check_same(&warm, &cold);
		event_reader_free(fresh);
		error ? bad++ : good++;
	}
	event_reader_free(knowing);
	CHECK(good > ROUNDS / 4);
	CHECK(bad > ROUNDS / 8);
	return 0;
}
