/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 150,000 symbols stay in memory for the life of the daemon, so an entry is 14 bytes in three
 * parallel arrays, and a name is stored once in a pool, "__pfx_f" and "f" together.
 *
 * The rule that must not break: an address that no symbol covers gets no name. The kernel tells
 * where a symbol starts but not where it ends, hence entries without a name, boundaries, that end
 * the symbol before them (data, section ends), and a cap on the last symbol of a module.
 */
#include "daemon/symbol/symbol-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/macro.h"

#define PAGE 4096
#define PREFIX "__pfx_"
#define MAX_MODULES UINT16_MAX

/* An entry while the table is being filled. */
struct draft {
	uint64_t address;
	uint32_t name; /* offset in the pool; 0: a boundary */
	uint16_t module;
	uint16_t rank; /* the lower, the plainer the name */
};

struct module_name {
	char *name;
	uint64_t end; /* of its memory; 0: not known */
};

struct symbol_table {
	struct draft *drafts; /* NULL once sealed */
	size_t capacity;

	size_t n;
	uint64_t *starts;
	uint32_t *names;
	uint16_t *owners; /* index in modules */

	char *pool; /* starts with an empty string, so that offset 0 is none */
	size_t pool_used;
	size_t pool_size;
	uint32_t last_name;

	struct module_name *modules; /* 0: the kernel proper */
	size_t n_modules;
	uint64_t text_start;
};

int symbol_table_new(struct symbol_table **ret)
{
	struct symbol_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->modules = calloc(1, sizeof(*table->modules));
	table->pool = calloc(1, 1);
	if (!table->modules || !table->pool) {
		symbol_table_free(table);
		return -ENOMEM;
	}
	table->n_modules = 1;
	table->pool_used = table->pool_size = 1;
	*ret = table;
	return 0;
}

void symbol_table_free(struct symbol_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_modules; i++)
		free(table->modules[i].name);
	free(table->modules);
	free(table->pool);
	free(table->owners);
	free(table->names);
	free(table->starts);
	free(table->drafts);
	free(table);
}

static int intern_module(struct symbol_table *table, const char *name, uint16_t *ret)
{
	struct module_name *grown;

	if (!name) {
		*ret = 0;
		return 0;
	}
	/* Symbols of one module stand together: the last one is nearly always it. */
	for (size_t i = table->n_modules; i-- > 1;) {
		if (!strcmp(table->modules[i].name, name)) {
			*ret = i;
			return 0;
		}
	}
	if (table->n_modules > MAX_MODULES)
		return -ENOMEM;
	grown = reallocarray(table->modules, table->n_modules + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	table->modules = grown;
	grown[table->n_modules] = (struct module_name){ .name = strdup(name) };
	if (!grown[table->n_modules].name)
		return -ENOMEM;
	*ret = table->n_modules++;
	return 0;
}

static int pool_add(struct symbol_table *table, const char *name, uint32_t *ret)
{
	const char *last = table->pool + table->last_name;
	size_t length = strlen(name);

	if (!strncmp(last, PREFIX, strlen(PREFIX)) && !strcmp(last + strlen(PREFIX), name)) {
		*ret = table->last_name + strlen(PREFIX);
		return 0;
	}
	if (table->pool_used + length + 1 > table->pool_size) {
		size_t size = MAX(2 * table->pool_size, table->pool_used + length + 4096);
		char *grown;

		if (size > UINT32_MAX)
			return -ENOMEM;
		grown = realloc(table->pool, size);
		if (!grown)
			return -ENOMEM;
		table->pool = grown;
		table->pool_size = size;
	}
	memcpy(table->pool + table->pool_used, name, length + 1);
	table->last_name = *ret = table->pool_used;
	table->pool_used += length + 1;
	return 0;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && !strcmp(name + n - m, suffix);
}

/* Linker-made names that mark a place, and are no function even where they stand alone. */
static bool is_marker(const char *name)
{
	static const char *const markers[] = {
		"_text", "_stext", "_etext", "_sinittext", "_einittext", "__end_of_kernel_reserve",
		"__init_begin", "__init_end", "__indirect_thunk_start", "__indirect_thunk_end",
		"__x86_indirect_thunk_array", "__x86_indirect_call_thunk_array",
		"__x86_indirect_jump_thunk_array",
	};

	for (size_t i = 0; i < ARRAY_SIZE(markers); i++)
		if (!strcmp(name, markers[i]))
			return true;
	return !strncmp(name, "__", 2) &&
	       (ends_with(name, "text_start") || ends_with(name, "text_end"));
}

/* Orders the names of one address: what a reader expects to see comes first. */
static uint16_t rank_name(const char *name, bool global)
{
	unsigned int rank = MIN(strlen(name), 500u);

	if (!strncmp(name, "__pi_", 5) || !strncmp(name, PREFIX, strlen(PREFIX)))
		rank += 4000;
	if (strchr(name, '.'))
		rank += 2000;
	if (!global)
		rank += 1000;
	for (; *name == '_'; name++)
		rank += 100;
	return rank;
}

int symbol_table_add(struct symbol_table *table, uint64_t address, bool code, bool global,
		const char *name, const char *module)
{
	struct draft draft = { .address = address };
	int r;

	if (table->n == table->capacity) {
		size_t capacity = MAX(2 * table->capacity, (size_t)4096);
		struct draft *grown = reallocarray(table->drafts, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		table->drafts = grown;
		table->capacity = capacity;
	}
	if (!module && !strcmp(name, "_stext"))
		table->text_start = address;
	r = intern_module(table, module, &draft.module);
	if (r < 0)
		return r;
	if (code && *name && !is_marker(name)) {
		r = pool_add(table, name, &draft.name);
		if (r < 0)
			return r;
		draft.rank = rank_name(name, global);
	}
	table->drafts[table->n++] = draft;
	return 0;
}

static int compare_drafts(const void *a, const void *b, void *userdata)
{
	const struct draft *x = a, *y = b;
	const char *pool = userdata;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	/* At one address a boundary says nothing that a symbol does not. */
	if (!x->name != !y->name)
		return x->name ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(pool + x->name, pool + y->name);
}

/* Keeps of the boundaries only those that end a symbol. */
static size_t drop_needless(struct draft *drafts, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct draft *last = kept ? &drafts[kept - 1] : NULL;

		if (!drafts[i].name && (!last || !last->name || last->address == drafts[i].address))
			continue;
		drafts[kept++] = drafts[i];
	}
	return kept;
}

int symbol_table_seal(struct symbol_table *table, const struct modules *modules)
{
	char *pool;

	if (table->n)
		qsort_r(table->drafts, table->n, sizeof(*table->drafts), compare_drafts,
			table->pool);
	table->n = drop_needless(table->drafts, table->n);

	table->starts = malloc(MAX(table->n, (size_t)1) * sizeof(*table->starts));
	table->names = malloc(MAX(table->n, (size_t)1) * sizeof(*table->names));
	table->owners = malloc(MAX(table->n, (size_t)1) * sizeof(*table->owners));
	if (!table->starts || !table->names || !table->owners)
		return -ENOMEM;
	for (size_t i = 0; i < table->n; i++) {
		table->starts[i] = table->drafts[i].address;
		table->names[i] = table->drafts[i].name;
		table->owners[i] = table->drafts[i].module;
	}
	free(table->drafts);
	table->drafts = NULL;

	pool = realloc(table->pool, table->pool_used);
	if (pool) {
		table->pool = pool;
		table->pool_size = table->pool_used;
	}
	for (size_t i = 1; i < table->n_modules; i++) {
		const struct module *module = modules_find(modules, table->modules[i].name);

		if (module && module->start)
			table->modules[i].end = module->start + module->size;
	}
	return 0;
}

/* The entry behind the last one whose start is at most `address`. */
static size_t upper_bound(const struct symbol_table *table, uint64_t address)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->starts[middle] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Where the symbols that start where entry `i` does end. Behind the last one of a module may lie
 * anything up to the next module: it is held to the module's memory or, where that is not known,
 * to its own page.
 */
static uint64_t symbol_end(const struct symbol_table *table, size_t i)
{
	uint64_t start = table->starts[i], cap = table->modules[table->owners[i]].end;
	size_t next = upper_bound(table, start);

	if (next < table->n && table->owners[next] == table->owners[i])
		return table->starts[next];
	if (cap <= start)
		cap = (start | (PAGE - 1)) + 1;
	return next < table->n ? MIN(table->starts[next], cap) : cap;
}

static void describe(const struct symbol_table *table, size_t i, struct symbol *ret)
{
	*ret = (struct symbol){
		.name = table->pool + table->names[i],
		.module = table->modules[table->owners[i]].name,
		.start = table->starts[i],
		.end = symbol_end(table, i),
	};
}

bool symbol_table_lookup(const struct symbol_table *table, uint64_t address, struct symbol *ret)
{
	size_t i = upper_bound(table, address);

	if (i == 0)
		return false;
	i--;
	while (i > 0 && table->starts[i - 1] == table->starts[i])
		i--;
	if (!table->names[i])
		return false;
	describe(table, i, ret);
	return address < ret->end;
}

int symbol_table_find(const struct symbol_table *table, const char *name, const char *module,
		struct symbol *ret)
{
	bool found = false;

	for (size_t i = 0; i < table->n; i++) {
		const char *owner = table->modules[table->owners[i]].name;

		if (strcmp(table->pool + table->names[i], name) || !table->names[i])
			continue;
		if (module && *module ? !owner || strcmp(owner, module) : !module && owner)
			continue;
		if (found && ret->start != table->starts[i])
			return -ENOTUNIQ;
		describe(table, i, ret);
		found = true;
	}
	return found ? 0 : -ENOENT;
}

bool symbol_table_span(const struct symbol_table *table, uint64_t *ret_start, uint64_t *ret_end)
{
	if (!table->n)
		return false;
	*ret_start = table->starts[0];
	*ret_end = table->names[table->n - 1] ? symbol_end(table, table->n - 1) :
						table->starts[table->n - 1];
	return true;
}

uint64_t symbol_table_text_start(const struct symbol_table *table)
{
	return table->text_start;
}

size_t symbol_table_count(const struct symbol_table *table)
{
	return table->n;
}

size_t symbol_table_bytes(const struct symbol_table *table)
{
	return sizeof(*table) + table->pool_size + table->n_modules * sizeof(*table->modules) +
	       table->n * (sizeof(*table->starts) + sizeof(*table->names) +
			   sizeof(*table->owners));
}
