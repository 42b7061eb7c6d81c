/* SPDX-License-Identifier: Apache-2.0 */
/* Few on purpose: what a client can ask for belongs into a call. */
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_SOCKET "/run/lbrd/lbrd.sock"
#define DEFAULT_POLICY LBRD_POLICY
#define DEFAULT_CACHE "/var/cache/lbrd"

static void print_help(void)
{
	printf("Usage: lbrd [OPTION]...\n"
		"Captures the CPU's last branch records at the exit of BPF programs and kernel\n"
		"functions, and serves them to every lbrctl that watches.\n"
		"\n"
		"  --socket PATH  listen there instead of " DEFAULT_SOCKET "\n"
		"                 (a socket handed over by systemd goes first)\n"
		"  --cache PATH   directory of the indices of source lines, instead of\n"
		"                 $CACHE_DIRECTORY, which systemd sets, or " DEFAULT_CACHE "\n"
		"  --builder PATH the lbrd-index to build them with\n"
		"  --policy PATH  who may do what, instead of " DEFAULT_POLICY "\n"
		"  --version      print the version\n"
		"  --help         print this\n"
		"\n"
		"Exit status: 0 after SIGTERM or SIGINT; 1 when lbrd cannot start or go on; 2 for\n"
		"wrong usage. It needs to be root, or what lbrd.service gives it: see lbrd(8).\n");
}

/* systemd.exec(5), CacheDirectory=: one path, as the unit names one. */
static const char *default_cache(void)
{
	const char *directory = getenv("CACHE_DIRECTORY");

	return directory && *directory ? directory : DEFAULT_CACHE;
}

int options_parse(int argc, char **argv, struct options *ret, int *ret_status)
{
	enum {
		OPTION_SOCKET = 256,
		OPTION_CACHE,
		OPTION_BUILDER,
		OPTION_POLICY,
		OPTION_VERSION,
		OPTION_HELP,
	};
	static const struct option longs[] = {
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"cache", required_argument, NULL, OPTION_CACHE},
		{"builder", required_argument, NULL, OPTION_BUILDER},
		{"policy", required_argument, NULL, OPTION_POLICY},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, OPTION_HELP},
		{},
	};
	int option;

	*ret = (struct options){
		.socket_path = DEFAULT_SOCKET,
		.cache = default_cache(),
		.policy = DEFAULT_POLICY,
	};
	*ret_status = 0;
	while ((option = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		switch (option) {
		case OPTION_SOCKET:
			ret->socket_path = optarg;
			break;
		case OPTION_CACHE:
			ret->cache = optarg;
			break;
		case OPTION_BUILDER:
			ret->builder = optarg;
			break;
		case OPTION_POLICY:
			ret->policy = optarg;
			break;
		case OPTION_VERSION:
			printf("lbrd %s\n", LBRD_VERSION);
			return 1;
		case OPTION_HELP:
			print_help();
			return 1;
		default:
			fprintf(stderr, "Try lbrd --help.\n");
			*ret_status = 2;
			return 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "lbrd: takes no argument, but got \"%s\". Try lbrd --help.\n",
				argv[optind]);
		*ret_status = 2;
		return 1;
	}
	return 0;
}
