/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the tree of a unit once, passing by all that holds no code, and makes of nested ranges a
 * flat list. Where ranges overlap without being nested, the later one wins, as it does in
 * llvm-symbolizer.
 */
#include "daemon/index-builder/unit-scopes.h"

#include <stdlib.h>
#include <string.h>

#include <dwarf.h>

#include "daemon/index-builder/names.h"
#include "daemon/symbol/index-format.h"

#define LANG_C17 0x2c /* DW_LANG_C17, younger than the library */
#define MAX_DEPTH 2000 /* of nested scopes; hundreds are usual in C++ */

void scope_walk_init(struct scope_walk *walk, struct collection *collection,
		struct unit_files *files)
{
	memset(walk, 0, sizeof(*walk));
	walk->collection = collection;
	walk->files = files;
	walk->names = names_new(&collection->strings);
}

void scope_walk_deinit(struct scope_walk *walk)
{
	names_free(walk->names);
	free(walk->found.items);
	free(walk->function.items);
	free(walk->unit.items);
}

static void append(struct scope_list *list, const struct scope *scope)
{
	list->items = grow(list->items, &list->capacity, list->n, 1, sizeof(*list->items));
	list->items[list->n++] = *scope;
}

/* The first scope that starts behind the address. */
static size_t find_behind(const struct scope_list *list, uint64_t address)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One scope per start: a later one takes the place of an earlier one. */
static void put(struct scope_list *list, const struct scope *scope)
{
	size_t at = find_behind(list, scope->start);

	if (at > 0 && list->items[at - 1].start == scope->start) {
		list->items[at - 1] = *scope;
		return;
	}
	list->items = grow(list->items, &list->capacity, list->n, 1, sizeof(*list->items));
	memmove(&list->items[at + 1], &list->items[at], (list->n - at) * sizeof(*list->items));
	list->items[at] = *scope;
	list->n++;
}

/* The new scope covers what was there; what it cuts off behind itself stands again. */
static void cover(struct scope_list *list, const struct scope *scope)
{
	size_t at = find_behind(list, scope->start);
	struct scope *under = at > 0 ? &list->items[at - 1] : NULL;

	if (under && scope->start < under->end) {
		struct scope rest = *under;

		rest.start = scope->end;
		if (scope->start > under->start)
			under->end = scope->start;
		if (rest.start < rest.end)
			put(list, &rest);
	}
	put(list, scope);
}

static uint64_t attribute_number(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return 0;
	return value;
}

static uint32_t make_node(struct scope_walk *walk, Dwarf_Die *die, uint32_t parent)
{
	struct collection *c = walk->collection;
	struct index_node node = {.parent = parent, .name = names_find(walk->names, die)};

	if (parent) {
		uint64_t place = unit_files_place(walk->files,
				attribute_number(die, DW_AT_call_file),
				attribute_number(die, DW_AT_call_line),
				attribute_number(die, DW_AT_call_column));

		node.place = records_add(&c->places, &place);
	}
	return records_add(&c->nodes, &node);
}

/* Returns the node of a function or inlined function with code of its own; else its parent's. */
static uint32_t add_scope(struct scope_walk *walk, Dwarf_Die *die, uint32_t parent)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t next = 0;
	uint32_t node = 0;

	while ((next = dwarf_ranges(die, next, &base, &start, &end)) > 0) {
		if (start >= end)
			continue;
		if (!node)
			node = make_node(walk, die, parent);
		append(&walk->found, &(struct scope){start, end, node, walk->functions});
		if (!parent && walk->spans_wanted)
			collection_add_span(walk->collection, start, end);
	}
	return node ? node : parent;
}

static int by_start(const void *a, const void *b)
{
	const struct scope *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static bool are_apart(const struct scope_list *list)
{
	for (size_t i = 1; i < list->n; i++)
		if (list->items[i].start < list->items[i - 1].end)
			return false;
	return true;
}

/*
 * Functions nearly always lie apart from each other: then it is enough to flatten each one and to
 * sort all, which is fast for the largest of units as well.
 */
static void flatten(struct scope_walk *walk)
{
	struct scope_list *found = &walk->found, *unit = &walk->unit, *function = &walk->function;

	unit->n = 0;
	for (size_t i = 0; i < found->n;) {
		uint32_t number = found->items[i].function;

		function->n = 0;
		for (; i < found->n && found->items[i].function == number; i++)
			cover(function, &found->items[i]);
		for (size_t k = 0; k < function->n; k++)
			append(unit, &function->items[k]);
	}
	if (unit->n)
		qsort(unit->items, unit->n, sizeof(*unit->items), by_start);
	if (are_apart(unit))
		return;
	unit->n = 0;
	for (size_t i = 0; i < found->n; i++)
		cover(unit, &found->items[i]);
}

static bool may_hold_functions(const struct scope_walk *walk, int tag)
{
	switch (tag) {
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_with_stmt:
		return true;
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_variant_part:
	case DW_TAG_variant:
		return walk->deep;
	default:
		return false;
	}
}

static void walk_children(struct scope_walk *walk, Dwarf_Die *die, uint32_t parent);

static void walk_function(struct scope_walk *walk, Dwarf_Die *die)
{
	bool outermost = !walk->in_function;

	/* What only announces a function has no code. */
	if (dwarf_hasattr(die, DW_AT_declaration))
		return;
	walk->in_function = true;
	walk_children(walk, die, add_scope(walk, die, 0));
	if (outermost) {
		walk->in_function = false;
		walk->functions++;
	}
}

static void walk_one(struct scope_walk *walk, Dwarf_Die *die, uint32_t parent)
{
	int tag = dwarf_tag(die);

	switch (tag) {
	case DW_TAG_subprogram:
		walk_function(walk, die);
		break;
	case DW_TAG_inlined_subroutine:
		walk_children(walk, die, add_scope(walk, die, parent));
		break;
	default:
		if (may_hold_functions(walk, tag))
			walk_children(walk, die, parent);
	}
}

static void walk_children(struct scope_walk *walk, Dwarf_Die *die, uint32_t parent)
{
	Dwarf_Die child, next;
	int r = dwarf_child(die, &child);

	if (++walk->depth > MAX_DEPTH)
		fail(EXIT_UNFIT, "the debug information is nested too deeply");
	for (; r == 0; child = next) {
		walk_one(walk, &child, parent);
		r = dwarf_siblingof(&child, &next);
		if (r == 0 && (uintptr_t)next.addr <= (uintptr_t)child.addr)
			fail(EXIT_UNFIT, "the debug information goes in circles");
	}
	walk->depth--;
}

static void flush(struct scope_walk *walk)
{
	struct marks *marks = &walk->collection->scopes;
	const struct scope_list *list = &walk->unit;

	for (size_t i = 0; i < list->n; i++) {
		const struct scope *s = &list->items[i];

		marks_add(marks, s->start, s->node);
		if (i + 1 == list->n || s->end < list->items[i + 1].start)
			marks_add(marks, s->end, 0);
	}
}

static bool is_deep_language(int language)
{
	switch (language) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case LANG_C17:
	case DW_LANG_Mips_Assembler:
		return false;
	default:
		return true;
	}
}

void scope_walk_unit(struct scope_walk *walk, Dwarf_Die *die, bool spans_wanted)
{
	walk->deep = is_deep_language(dwarf_srclang(die));
	walk->spans_wanted = spans_wanted;
	walk->depth = 0;
	walk->functions = 0;
	walk->in_function = false;
	walk->found.n = 0;
	walk_children(walk, die, 0);
	flatten(walk);
	flush(walk);
}
