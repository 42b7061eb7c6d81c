/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of lbrd. */
#pragma once

struct options {
	const char *socket_path;
	const char *cache; /* directory of the indices of lines */
	const char *policy; /* file */
	const char *builder; /* lbrd-index; NULL: the one that belongs to this lbrd */
};

/* 0: go on; else *ret_status is the exit status, all has been said. */
int options_parse(int argc, char **argv, struct options *ret, int *ret_status);
