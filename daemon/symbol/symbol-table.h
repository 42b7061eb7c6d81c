/* SPDX-License-Identifier: Apache-2.0 */
/* A compact, sorted table of code symbols: made once, then only looked up in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbol/modules.h"

struct symbol_table;

struct symbol {
	const char *name;
	const char *module; /* NULL: the kernel proper */
	uint64_t start;
	uint64_t end;
};

/* Filled by symbol_table_add(), usable for look-ups after symbol_table_seal(). -ENOMEM. */
int symbol_table_new(struct symbol_table **ret);
void symbol_table_free(struct symbol_table *table);

/*
 * Adds one symbol in any order. `module` NULL for the kernel proper. A symbol that is not code
 * only ends the one before it. -ENOMEM.
 */
int symbol_table_add(struct symbol_table *table, uint64_t address, bool code, bool global,
		const char *name, const char *module);

/* Sorts, drops what no look-up needs and gives memory back. -ENOMEM: the table is unusable. */
int symbol_table_seal(struct symbol_table *table, const struct modules *modules);

/*
 * The symbol that covers `address`; of several at one address the plainest. False: none. The
 * strings live as long as the table.
 */
bool symbol_table_lookup(const struct symbol_table *table, uint64_t address, struct symbol *ret);

/*
 * `module` NULL for the kernel proper, "" for any. 0; -ENOENT; -ENOTUNIQ: several of that name at
 * different addresses there.
 */
int symbol_table_find(const struct symbol_table *table, const char *name, const char *module,
		struct symbol *ret);

/* The span of all entries; false when there is none. */
bool symbol_table_span(const struct symbol_table *table, uint64_t *ret_start, uint64_t *ret_end);

/* Where the kernel's text begins (_stext), 0: not known. */
uint64_t symbol_table_text_start(const struct symbol_table *table);

size_t symbol_table_count(const struct symbol_table *table);
size_t symbol_table_bytes(const struct symbol_table *table);
