/* SPDX-License-Identifier: Apache-2.0 */
/* An instance refers to what it is an instance of; the memory is keyed by where that stands. */
#include "daemon/index-builder/names.h"

#include <stdlib.h>
#include <string.h>

#include <dwarf.h>

struct known_name {
	const void *die;
	uint32_t string;
};

struct names {
	struct strings *strings;
	struct known_name *known;
	size_t n;
	size_t mask;
};

struct names *names_new(struct strings *strings)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		fail(EXIT_FAILED, "out of memory");
	names->strings = strings;
	names->mask = 4095;
	names->known = calloc(names->mask + 1, sizeof(*names->known));
	if (!names->known)
		fail(EXIT_FAILED, "out of memory");
	return names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	free(names->known);
	free(names);
}

static struct known_name *find_known(const struct names *names, const void *die)
{
	size_t at = ((uintptr_t)die * 0x9e3779b97f4a7c15 >> 20) & names->mask;

	while (names->known[at].die && names->known[at].die != die)
		at = (at + 1) & names->mask;
	return &names->known[at];
}

static void widen(struct names *names)
{
	struct known_name *old = names->known;
	size_t n = names->mask + 1;

	names->mask = names->mask * 2 + 1;
	names->known = calloc(names->mask + 1, sizeof(*names->known));
	if (!names->known)
		fail(EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (old[i].die)
			*find_known(names, old[i].die) = old[i];
	free(old);
}

static const char *read_name(Dwarf_Die *die)
{
	static const unsigned int attributes[] = {
		DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name,
	};

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		Dwarf_Attribute attribute;
		const char *name;

		if (dwarf_attr_integrate(die, attributes[i], &attribute) &&
				(name = dwarf_formstring(&attribute)))
			return name;
	}
	return NULL;
}

uint32_t names_find(struct names *names, Dwarf_Die *die)
{
	struct known_name *known;
	Dwarf_Attribute attribute;
	Dwarf_Die origin;

	if (!dwarf_attr(die, DW_AT_abstract_origin, &attribute) ||
			!dwarf_formref_die(&attribute, &origin))
		return strings_add(names->strings, read_name(die));
	known = find_known(names, origin.addr);
	if (known->die)
		return known->string;
	known->die = origin.addr;
	known->string = strings_add(names->strings, read_name(die));
	if (++names->n <= names->mask / 2)
		return known->string;
	widen(names);
	return find_known(names, origin.addr)->string;
}
