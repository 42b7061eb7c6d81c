/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lbrd-index: makes an index of lines of a kernel or module. A process of its own, so that memory,
 * time and the faults of a parser are spent here and not in the daemon.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/index-builder/collection.h"
#include "daemon/index-builder/input.h"
#include "daemon/index-builder/layout.h"
#include "daemon/index-builder/memory.h"
#include "daemon/index-builder/units.h"

static const char help[] =
	"usage: lbrd-index INPUT... -o FILE [OPTION...]\n"
	"Make an index of source lines and inlined functions, for lbrd.\n"
	"\n"
	"INPUT is a vmlinux, a module (.ko, .ko.xz, .ko.zst, .ko.gz), or the .debug file of one. Of\n"
	"several, the first one is taken that has debug information; all must be of one build.\n"
	"\n"
	"  -o, --output FILE         where the index goes; replaced in one step\n"
	"      --output-fd N         write to this descriptor instead\n"
	"      --debug FILE          the same as another INPUT\n"
	"      --build-id HEX        take only an INPUT of this build; else of that of the first one\n"
	"      --progress            print \"from INPUT\", and how much is done, in percent\n"
	"      --max-memory MIB      fail rather than use more address space, mapped files included\n"
	"      --max-seconds N       end by a signal rather than take longer\n"
	"  -h, --help                print this help\n"
	"      --version             print the version\n"
	"\n"
	"Exit status: 0 done; 1 a system call failed or memory ran out; 2 wrong usage; 3 no INPUT is\n"
	"an object file of that build with debug information.\n";

#define MAX_INPUTS 64

struct options {
	const char *inputs[MAX_INPUTS];
	size_t n_inputs;
	struct build_id build_id;
	const char *output;
	int output_fd;
	bool progress;
};

static _Noreturn void wrong_usage(const char *what, const char *argument)
{
	fprintf(stderr, "lbrd-index: %s%s\nTry 'lbrd-index --help'.\n", what, argument);
	exit(EXIT_USAGE);
}

static unsigned long parse_number(const char *text)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || number == 0 || number > UINT32_MAX)
		wrong_usage("not a number greater than zero: ", text);
	return number;
}

static void parse_build_id(const char *text, struct build_id *ret)
{
	size_t length = strlen(text) / 2;
	int used = 0;

	if (length == 0 || length > sizeof(ret->bytes) || strlen(text) % 2)
		wrong_usage("not a build id: ", text);
	for (size_t i = 0; i < length; i++, used = 0)
		if (sscanf(text + 2 * i, "%2hhx%n", &ret->bytes[i], &used) != 1 || used != 2)
			wrong_usage("not a build id: ", text);
	ret->length = length;
}

static void add_input(struct options *options, const char *path)
{
	if (options->n_inputs == MAX_INPUTS)
		wrong_usage("more than 64 times INPUT", "");
	options->inputs[options->n_inputs++] = path;
}

static void limit(int resource, unsigned long most)
{
	struct rlimit limits = {most, most};

	if (setrlimit(resource, &limits) < 0)
		fail(EXIT_FAILED, "cannot set a limit: %s", strerror(errno));
}

static void limit_seconds(unsigned long seconds)
{
	limit(RLIMIT_CPU, seconds);
	/* Waiting for a disk takes no processor time. */
	alarm(seconds);
}

enum {
	OPTION_BUILD_ID = 256,
	OPTION_DEBUG,
	OPTION_FD,
	OPTION_PROGRESS,
	OPTION_MEMORY,
	OPTION_SECONDS,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'},
	{"output-fd", required_argument, NULL, OPTION_FD},
	{"build-id", required_argument, NULL, OPTION_BUILD_ID},
	{"debug", required_argument, NULL, OPTION_DEBUG},
	{"progress", no_argument, NULL, OPTION_PROGRESS},
	{"max-memory", required_argument, NULL, OPTION_MEMORY},
	{"max-seconds", required_argument, NULL, OPTION_SECONDS},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{0},
};

static void parse_option(int option, struct options *options)
{
	switch (option) {
	case 'o':
		options->output = optarg;
		break;
	case OPTION_FD:
		options->output_fd = parse_number(optarg);
		break;
	case OPTION_BUILD_ID:
		parse_build_id(optarg, &options->build_id);
		break;
	case OPTION_DEBUG:
		add_input(options, optarg);
		break;
	case OPTION_PROGRESS:
		options->progress = true;
		break;
	case OPTION_MEMORY:
		limit(RLIMIT_AS, parse_number(optarg) << 20);
		break;
	case OPTION_SECONDS:
		limit_seconds(parse_number(optarg));
		break;
	case 'h':
		fputs(help, stdout);
		exit(EXIT_DONE);
	case OPTION_VERSION:
		puts("lbrd-index " LBRD_VERSION);
		exit(EXIT_DONE);
	default:
		wrong_usage("see above", "");
	}
}

/* What stands on the line comes before what --debug added: it tells the build. */
static void parse_options(int argc, char **argv, struct options *options)
{
	struct options from_options = {.output_fd = -1};
	int option;

	while ((option = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0)
		parse_option(option, &from_options);
	*options = from_options;
	options->n_inputs = 0;
	for (int i = optind; i < argc; i++)
		add_input(options, argv[i]);
	for (size_t i = 0; i < from_options.n_inputs; i++)
		add_input(options, from_options.inputs[i]);
	if (optind == argc)
		wrong_usage("INPUT is missing", "");
	if (!options->output == (options->output_fd < 0))
		wrong_usage("exactly one of --output and --output-fd is needed", "");
}

static void print_progress(unsigned int percent)
{
	printf("%u\n", percent);
	fflush(stdout);
}

static bool open_first(const struct options *options, struct input *input)
{
	struct build_id wanted = options->build_id;

	/* One file may be of any build, or of none. */
	if (!wanted.length && options->n_inputs > 1 &&
			(!input_read_build_id(options->inputs[0], &wanted) || !wanted.length)) {
		complain("%s: no build id, by which other files could be known",
				options->inputs[0]);
		return false;
	}
	for (size_t i = 0; i < options->n_inputs; i++) {
		if (!input_open(input, options->inputs[i], wanted.length ? &wanted : NULL))
			continue;
		if (options->progress) {
			printf("from %s\n", options->inputs[i]);
			fflush(stdout);
		}
		return true;
	}
	return false;
}

/*
 * The stack grows within the limit of memory, too: what it takes to say that memory ran out is
 * touched while there is some.
 */
static void __attribute__((noinline)) touch_stack(void)
{
	volatile char bytes[1 << 19];

	for (size_t i = 0; i < sizeof(bytes); i += 1024)
		bytes[i] = 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct collection collection;
	struct input input;
	uint8_t *bytes;
	size_t size;

	touch_stack();
	parse_options(argc, argv, &options);
	if (!open_first(&options, &input))
		return EXIT_UNFIT;
	collection_init(&collection);
	units_read(input.dwarf, &collection, options.progress ? print_progress : NULL);
	if (collection.unreadable)
		complain("the line tables of %zu units are damaged and left out",
				collection.unreadable);
	collection_settle_spans(&collection);
	if (collection.n_spans == 0)
		fail(EXIT_UNFIT, "no debug information about any code");
	bytes = layout_index(&input, &collection, &size);
	if (options.output)
		layout_write(bytes, size, options.output);
	else
		layout_write_to(bytes, size, options.output_fd);
	if (options.progress)
		print_progress(100);
	free(bytes);
	collection_deinit(&collection);
	input_close(&input);
	return EXIT_DONE;
}
