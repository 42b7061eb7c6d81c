/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive descent over the grammar of Varlink interfaces. Everything a parsed interface holds
 * lives in one chain of blocks, so that there is one thing to free. The rule that must not break:
 * whoever comes out with an interface finds every named type resolved.
 */
#include "proto/interface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macro.h"

/* No sane type is nested deeper; it bounds the recursion on a hostile text. */
#define MAX_DEPTH 64u

struct block {
	struct block *next;
	max_align_t data[];
};

struct parser {
	const char *text, *position;
	struct interface *interface;
	/* every INTERFACE_NAMED, to be resolved at the end */
	struct interface_type **named;
	const char **named_at;
	size_t n_named;
	const char *error_at;
	unsigned int depth;
};

static void *allocate(struct interface *interface, size_t size)
{
	struct block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = interface->memory;
	interface->memory = block;
	return block->data;
}

/* Doubles an array whenever its length is a power of two, so that no capacity has to be kept. */
static void *append(struct parser *p, void *array, size_t n, size_t size)
{
	void *larger;

	if (n & (n - 1))
		return array;
	larger = allocate(p->interface, (n ? 2 * n : 1) * size);
	if (larger && n)
		memcpy(larger, array, n * size);
	return larger;
}

static int fail_at(struct parser *p, const char *where)
{
	p->error_at = where;
	return -EINVAL;
}

/* ---- words ---- */

static void skip_space(struct parser *p)
{
	for (;;) {
		p->position += strspn(p->position, " \t\r\n");
		if (*p->position != '#')
			return;
		p->position += strcspn(p->position, "\r\n");
	}
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool accept(struct parser *p, const char *token)
{
	size_t n = strlen(token);

	skip_space(p);
	if (strncmp(p->position, token, n) != 0)
		return false;
	p->position += n;
	return true;
}

static int expect(struct parser *p, const char *token)
{
	return accept(p, token) ? 0 : fail_at(p, p->position);
}

/* A whole word, so that "interfaces" is not taken for "interface". */
static bool accept_keyword(struct parser *p, const char *keyword)
{
	size_t n = strlen(keyword);

	skip_space(p);
	if (strncmp(p->position, keyword, n) != 0)
		return false;
	if (is_letter(p->position[n]) || is_digit(p->position[n]) || p->position[n] == '_')
		return false;
	p->position += n;
	return true;
}

static int take(struct parser *p, size_t length, const char **ret)
{
	char *copy = allocate(p->interface, length + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, p->position, length);
	p->position += length;
	*ret = copy;
	return 0;
}

/* Length of a field's name at `s`: letters and digits, single underscores between them; or 0. */
static size_t field_name_length(const char *s)
{
	size_t n = 0;

	if (!is_letter(s[0]))
		return 0;
	while (is_letter(s[n]) || is_digit(s[n]) ||
			(s[n] == '_' && (is_letter(s[n + 1]) || is_digit(s[n + 1]))))
		n++;
	return n;
}

static int parse_field_name(struct parser *p, const char **ret)
{
	size_t n;

	skip_space(p);
	n = field_name_length(p->position);
	return n ? take(p, n, ret) : fail_at(p, p->position);
}

/* The name of a type, method or error: begins with a capital letter. */
static int parse_member_name(struct parser *p, const char **ret)
{
	size_t n = 0;

	skip_space(p);
	if (!is_upper(*p->position))
		return fail_at(p, p->position);
	while (is_letter(p->position[n]) || is_digit(p->position[n]))
		n++;
	return take(p, n, ret);
}

/* Length of one label of an interface's name: no dash at either end. */
static size_t label_length(const char *s)
{
	size_t n = 0;

	while (is_letter(s[n]) || is_digit(s[n]) || (n > 0 && s[n] == '-'))
		n++;
	return n > 0 && s[n - 1] == '-' ? 0 : n;
}

/* Reversed-domain name: at least two labels, the first one begins with a letter. */
static int parse_interface_name(struct parser *p, const char **ret)
{
	size_t length = 0;
	unsigned int n_labels = 0;

	skip_space(p);
	if (!is_letter(*p->position))
		return fail_at(p, p->position);
	for (;;) {
		size_t n = label_length(p->position + length);

		if (n == 0)
			return fail_at(p, p->position + length);
		length += n;
		n_labels++;
		if (p->position[length] != '.')
			break;
		length++;
	}
	return n_labels >= 2 ? take(p, length, ret) : fail_at(p, p->position);
}

/* ---- types ---- */

static int parse_type(struct parser *p, const struct interface_type **ret);

static int add_field(struct parser *p, struct interface_type *type, const char *name,
		     const struct interface_type *field_type)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return fail_at(p, p->position);
	type->fields = append(p, type->fields, type->n_fields, sizeof(*type->fields));
	if (!type->fields)
		return -ENOMEM;
	type->fields[type->n_fields++] = (struct interface_field){ name, field_type };
	return 0;
}

/* The inside of `( … )`, the first bracket being behind: an enum when its first member is bare. */
static int parse_fields(struct parser *p, struct interface_type *type)
{
	int r;

	type->kind = INTERFACE_STRUCT;
	if (accept(p, ")"))
		return 0;
	do {
		const struct interface_type *field_type = NULL;
		const char *name;
		bool typed;

		r = parse_field_name(p, &name);
		if (r < 0)
			return r;
		typed = accept(p, ":");
		if (type->n_fields == 0 && !typed)
			type->kind = INTERFACE_ENUM;
		if (typed != (type->kind == INTERFACE_STRUCT))
			return fail_at(p, p->position);
		if (typed) {
			r = parse_type(p, &field_type);
			if (r < 0)
				return r;
		}
		r = add_field(p, type, name, field_type);
		if (r < 0)
			return r;
	} while (accept(p, ","));
	return expect(p, ")");
}

static int parse_named(struct parser *p, struct interface_type *type)
{
	const char *at;
	int r;

	skip_space(p);
	at = p->position;
	r = parse_member_name(p, &type->name);
	if (r < 0)
		return r;
	type->kind = INTERFACE_NAMED;
	p->named = append(p, p->named, p->n_named, sizeof(*p->named));
	p->named_at = append(p, p->named_at, p->n_named, sizeof(*p->named_at));
	if (!p->named || !p->named_at)
		return -ENOMEM;
	p->named[p->n_named] = type;
	p->named_at[p->n_named++] = at;
	return 0;
}

static bool accept_basic_type(struct parser *p, enum interface_kind *ret)
{
	static const struct {
		const char *name;
		enum interface_kind kind;
	} basic[] = {
		{ "bool", INTERFACE_BOOL },	{ "int", INTERFACE_INT },
		{ "float", INTERFACE_FLOAT },	{ "string", INTERFACE_STRING },
		{ "object", INTERFACE_OBJECT }, { "any", INTERFACE_ANY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(basic); i++) {
		if (accept_keyword(p, basic[i].name)) {
			*ret = basic[i].kind;
			return true;
		}
	}
	return false;
}

static int parse_type_body(struct parser *p, struct interface_type *type)
{
	if (accept(p, "[string]")) {
		type->kind = INTERFACE_MAP;
		return parse_type(p, &type->element);
	}
	if (accept(p, "[]")) {
		type->kind = INTERFACE_ARRAY;
		return parse_type(p, &type->element);
	}
	if (accept(p, "("))
		return parse_fields(p, type);
	if (accept_basic_type(p, &type->kind))
		return 0;
	return parse_named(p, type);
}

static int parse_type(struct parser *p, const struct interface_type **ret)
{
	struct interface_type *type = allocate(p->interface, sizeof(*type));
	int r;

	if (!type)
		return -ENOMEM;
	type->nullable = accept(p, "?");
	if (++p->depth > MAX_DEPTH)
		return fail_at(p, p->position);
	r = parse_type_body(p, type);
	p->depth--;
	*ret = type;
	return r;
}

/* Where the grammar wants `( … )` and nothing else. */
static int parse_bracketed(struct parser *p, bool allow_enum, const struct interface_type **ret)
{
	struct interface_type *type = allocate(p->interface, sizeof(*type));
	int r;

	if (!type)
		return -ENOMEM;
	r = expect(p, "(");
	if (r == 0)
		r = parse_fields(p, type);
	if (r == 0 && type->kind == INTERFACE_ENUM && !allow_enum)
		r = fail_at(p, p->position);
	*ret = type;
	return r;
}

/* ---- members ---- */

static int parse_member(struct parser *p)
{
	struct interface *interface = p->interface;
	struct interface_member member = { 0 };
	int r;

	if (accept_keyword(p, "type"))
		member.kind = INTERFACE_TYPE;
	else if (accept_keyword(p, "method"))
		member.kind = INTERFACE_METHOD;
	else if (accept_keyword(p, "error"))
		member.kind = INTERFACE_ERROR;
	else
		return fail_at(p, p->position);
	r = parse_member_name(p, &member.name);
	if (r < 0)
		return r;
	/* One space of names for all three, as in the specification. */
	for (size_t i = 0; i < interface->n_members; i++)
		if (strcmp(interface->members[i].name, member.name) == 0)
			return fail_at(p, p->position);
	r = parse_bracketed(p, member.kind == INTERFACE_TYPE, &member.type);
	if (r == 0 && member.kind == INTERFACE_METHOD) {
		r = expect(p, "->");
		if (r == 0)
			r = parse_bracketed(p, false, &member.output);
	}
	if (r < 0)
		return r;
	interface->members =
		append(p, interface->members, interface->n_members, sizeof(member));
	if (!interface->members)
		return -ENOMEM;
	interface->members[interface->n_members++] = member;
	return 0;
}

static int resolve_names(struct parser *p)
{
	for (size_t i = 0; i < p->n_named; i++) {
		const struct interface_member *member =
			interface_find(p->interface, INTERFACE_TYPE, p->named[i]->name);

		if (!member)
			return fail_at(p, p->named_at[i]);
		p->named[i]->target = member->type;
	}
	return 0;
}

static int parse_interface(struct parser *p)
{
	int r;

	if (!accept_keyword(p, "interface"))
		return fail_at(p, p->position);
	r = parse_interface_name(p, &p->interface->name);
	while (r == 0) {
		skip_space(p);
		if (*p->position == '\0')
			return resolve_names(p);
		r = parse_member(p);
	}
	return r;
}

int interface_new(const char *text, struct interface **ret, unsigned int *reterr_line)
{
	_cleanup_(interface_free_p) struct interface *interface = calloc(1, sizeof(*interface));
	struct parser p = { .text = text, .position = text, .interface = interface };
	int r;

	if (!interface)
		return -ENOMEM;
	r = parse_interface(&p);
	if (r == -EINVAL && reterr_line) {
		*reterr_line = 1;
		for (const char *c = text; c < p.error_at; c++)
			*reterr_line += *c == '\n';
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(interface);
	return 0;
}

void interface_free(struct interface *interface)
{
	struct block *block, *next;

	if (!interface)
		return;
	for (block = interface->memory; block; block = next) {
		next = block->next;
		free(block);
	}
	free(interface);
}

const struct interface_member *interface_find(const struct interface *interface,
					      enum interface_member_kind kind, const char *name)
{
	for (size_t i = 0; i < interface->n_members; i++) {
		const struct interface_member *member = &interface->members[i];

		if (member->kind == kind && strcmp(member->name, name) == 0)
			return member;
	}
	return NULL;
}
