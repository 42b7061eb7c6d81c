/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a server may answer to lbrctl: every command runs in this process, its connections are
 * to the input, and what it writes is looked at. Asserted is that no line is wider than it was told
 * to be, and that of all control characters only newlines come, and colours where they were asked
 * for. See fuzz-message.c on how it is built and run.
 *
 * The first line of an input says what is asked: a letter for the command, a character whose bits
 * are those of `enum how`, and one for the width, from ! for 40 columns on. Each line that follows
 * is a reply; an empty one closes the connection, and what follows is for the next.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wchar.h>

#include "client/context.h"
#include "client/signals.h"
#include "common/macro.h"
#include "proto/client.h"
#include "tests/fuzz/input.h"

#define MAX_SIZE (64 << 10)
#define MAX_WORDS 16
#define MAX_OUTPUT (1 << 20)

enum how {
	IN_COLOR = 1 << 0,
	IN_ASCII = 1 << 1,
	IN_JSON = 1 << 2,
	INTERRUPTED = 1 << 3, /* by Ctrl-C */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_client_connect(const char *path, size_t max_message, struct client **ret);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

static const struct {
	const struct command *command;
	const char *words[6];
} asked[] = {
	{&command_attach, {"prog", "1"}},
	{&command_attach, {"prog", "1", "--view", "source"}},
	{&command_attach, {"prog", "1", "--view", "insns"}},
	{&command_attach, {"prog", "1", "--view", "insns", "--no-bytes"}},
	{&command_attach, {"prog", "1", "--keep"}},
	{&command_watch, {"--wait", "0"}},
	{&command_watch, {"3", "--replay", "1", "--limit", "3"}},
	{&command_watch, {"3", "--view", "insns"}},
	{&command_detach, {"3", "4"}},
	{&command_detach, {"--all"}},
	{&command_list, {}},
	{&command_progs, {}},
	{&command_progs, {"lookup"}},
	{&command_status, {}},
	{&command_status, {"--limits"}},
	{&command_dump, {"prog", "1"}},
	{&command_dump, {"prog", "1", "--xlated"}},
	{&command_dump, {"func", "filter", "--no-bytes"}},
};

/* ---- what lbrctl writes ---- */

struct text {
	size_t length;
	char data[MAX_OUTPUT]; /* the rest of what is longer is not looked at */
};

static struct text output, messages;
static bool running;

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	struct text *text = fd == STDOUT_FILENO ? &output : &messages;
	size_t n = MIN(size, sizeof(text->data) - text->length);

	if (!running || (fd != STDOUT_FILENO && fd != STDERR_FILENO))
		return __real_write(fd, data, size);
	memcpy(text->data + text->length, data, n);
	text->length += n;
	return size;
}

static void fail(const char *what, const char *line, size_t length)
{
	fprintf(stderr, "%s: %.*s\n", what, (int)length, line);
	abort();
}

/* The length of the escape sequence that sets a colour; 0: there is none. */
static size_t color_at(const char *text, size_t length)
{
	size_t n = 2;

	if (length < n || memcmp(text, "\033[", n) != 0)
		return 0;
	while (n < length && strchr("0123456789;", text[n]) && text[n])
		n++;
	return n < length && text[n] == 'm' ? n + 1 : 0;
}

/* It would change the order of what stands around it. */
static bool is_direction(wchar_t c)
{
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
			(c >= 0x2066 && c <= 0x2069);
}

static void check_line(const char *line, size_t length, bool color, unsigned int width)
{
	unsigned int columns = 0;
	mbstate_t state = {};
	size_t n;

	for (size_t i = 0; i < length; i += n) {
		wchar_t c;

		n = color ? color_at(line + i, length - i) : 0;
		if (n)
			continue;
		n = mbrtowc(&c, line + i, length - i, &state);
		if (n == 0 || n > length - i || wcwidth(c) < 0 || is_direction(c))
			fail("not for a terminal", line, length);
		columns += wcwidth(c);
	}
	if (width && columns > width)
		fail("too wide", line, length);
}

static void check_text(const struct text *text, bool color, unsigned int width)
{
	const char *line = text->data, *end = line + text->length, *newline;

	for (; (newline = memchr(line, '\n', end - line)); line = newline + 1)
		check_line(line, newline - line, color, width);
}

static void check_json(const struct text *text)
{
	for (size_t i = 0; i < text->length; i++)
		if ((unsigned char)text->data[i] < ' ' && text->data[i] != '\n')
			fail("not for a terminal", text->data, text->length);
}

/* ---- what is around it ---- */

static struct input replies;

/* Closed at once: what was sent can be read all the same. */
int __wrap_client_connect(const char *path, size_t max_message, struct client **ret)
{
	static char data[MAX_SIZE];
	size_t length = 0;
	int fds[2];

	if (!replies.size)
		return CLIENT_E_PERMISSION; /* is not waited for */
	while (replies.size) {
		char c = (char)input_byte(&replies);

		if (c == '\n' && (!length || !data[length - 1]))
			break;
		data[length++] = c == '\n' ? '\0' : c;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
			send(fds[1], data, length, 0) != (ssize_t)length)
		abort();
	close(fds[1]);
	return client_new(fds[0], max_message, ret);
}

static unsigned int asks_left; /* until Ctrl-C */

int signals_init(void)
{
	return 0;
}

int signals_fd(void)
{
	return -1;
}

void signals_clear(void)
{
}

bool signals_interrupted(void)
{
	return asks_left && --asks_left == 0;
}

bool signals_resized(void)
{
	return false;
}

/* ---- */

static void run(uint8_t number, enum how how, unsigned int width)
{
	static struct context context;
	const struct command *command = asked[number].command;
	char columns[16], *argv[MAX_WORDS] = {(char *)command->name};
	int argc = 1;

	for (; asked[number].words[argc - 1]; argc++)
		argv[argc] = (char *)asked[number].words[argc - 1];
	if (width) {
		snprintf(columns, sizeof(columns), "--width=%u", width);
		argv[argc++] = columns;
	}
	argv[argc++] = how & IN_COLOR ? "--color=always" : "--color=never";
	if (how & IN_JSON)
		argv[argc++] = "--json";
	context.socket = "SOCKET";
	context.json = false;
	context.width = 0;
	output_init(&context.out, STDOUT_FILENO);
	running = true;
	command->run(&context, argc, argv);
	running = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *locale;
	uint8_t number, how, columns;
	unsigned int width;
	const char *wanted;

	replies = (struct input){data, MIN(size, (size_t)MAX_SIZE)};
	number = (uint8_t)(input_byte(&replies) - 'a') % ARRAY_SIZE(asked);
	how = input_byte(&replies);
	columns = input_byte(&replies);
	width = columns < '!' ? 0 : TERMINAL_MIN_WIDTH + columns - '!';
	input_byte(&replies); /* the end of the line */
	wanted = how & IN_ASCII ? "C" : "C.UTF-8";
	if (wanted != locale && !setlocale(LC_CTYPE, wanted))
		abort();
	locale = wanted;
	unsetenv("COLUMNS");
	asks_left = how & INTERRUPTED ? 4 : 0;
	output.length = messages.length = 0;
	run(number, how, width);
	if (how & IN_JSON)
		check_json(&output);
	else
		check_text(&output, how & IN_COLOR, width);
	check_text(&messages, false, 0);
	return 0;
}
