/* SPDX-License-Identifier: GPL-2.0 */
/* The plugins' files, one per vCPU, of little-endian 64-bit words; tests/vm/compare reads them. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lbr-shared.h"

/*
 * First word of a record: its kind. An enum lbr_kind is followed by from and to; LOG_SNAPSHOT by
 * the number of entries, then from and to of each; the marks by nothing.
 */
enum log_kind {
	LOG_ENABLE = 0x100,
	LOG_DISABLE,
	LOG_SNAPSHOT,
};

static inline FILE *log_open(const char *prefix, const char *suffix)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s.%s", prefix, suffix);
	f = fopen(path, "we");
	if (!f) {
		perror(path);
		exit(1);
	}
	setvbuf(f, NULL, _IOFBF, 1 << 20);
	return f;
}

static inline FILE *log_open_vcpu(const char *prefix, unsigned int vcpu)
{
	char suffix[16];

	snprintf(suffix, sizeof(suffix), "%u", vcpu);
	return log_open(prefix, suffix);
}

static inline void log_words(FILE *f, const uint64_t *words, size_t n)
{
	if (fwrite(words, sizeof(*words), n, f) != n) {
		perror("plugin log");
		exit(1);
	}
}

static inline void log_mark(FILE *f, uint64_t kind)
{
	log_words(f, &kind, 1);
}

static inline void log_row(FILE *f, uint64_t from, uint64_t to, uint64_t kind)
{
	log_words(f, (uint64_t[]){ kind, from, to }, 3);
}

static inline void log_snapshot(FILE *f, const struct lbr_row *entries, uint64_t nr)
{
	log_words(f, (uint64_t[]){ LOG_SNAPSHOT, nr }, 2);
	for (uint64_t i = 0; i < nr; i++)
		log_words(f, (uint64_t[]){ entries[i].from, entries[i].to }, 2);
}
