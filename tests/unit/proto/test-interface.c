/* SPDX-License-Identifier: Apache-2.0 */
/* The interface language: the real file, small good and bad texts, and JSON against types. */
#include <errno.h>

#include "proto/interface.h"
#include "proto/message.h"
#include "tests/unit/check.h"

static void test_real_interface(void)
{
	struct interface *interface;
	const struct interface_member *attach, *event;
	unsigned int line = 0;

	if (interface_new(proto_interface_text, &interface, &line) < 0) {
		fprintf(stderr, "io.lbrd.varlink:%u: not well-formed\n", line);
		exit(1);
	}
	CHECK_STR(interface->name, "io.lbrd");
	attach = interface_find(interface, INTERFACE_METHOD, "Attach");
	CHECK(attach && attach->output);
	CHECK_STR(attach->type->fields[0].name, "targets");
	CHECK_EQ(attach->type->fields[0].type->kind, INTERFACE_ARRAY);
	CHECK_STR(attach->type->fields[0].type->element->target->fields[0].name, "programId");
	CHECK_EQ(attach->type->fields[1].type->kind, INTERFACE_ENUM);
	CHECK(attach->type->fields[1].type->nullable);
	event = interface_find(interface, INTERFACE_TYPE, "Event");
	CHECK(event && !event->output && event->type->kind == INTERFACE_STRUCT);
	CHECK(!interface_find(interface, INTERFACE_METHOD, "Event"));
	CHECK(interface_find(interface, INTERFACE_ERROR, "Internal"));
	interface_free(interface);
}

static void test_grammar(void)
{
	static const struct {
		const char *text;
		unsigned int error_line; /* 0: well-formed */
	} cases[] = {
		{ "interface a.b", 0 },
		{ "# c\n\ninterface a.b-c.d1 # c\n", 0 },
		{ "interface a.b\ntype T ()\nerror E ()\nmethod M()->()", 0 },
		{ "interface a.b type T(a:int,b:?[]?[string]T,c:(x,y),d:(e:any,f:object))", 0 },
		{ "interface a.b type E (one, two_three) type T(e: ?E, type: string, int: int)", 0 },
		{ "interface a.b method M(\n#c\na#c\n:#c\nint#c\n)#c\n->#c\n()", 0 },
		{ "", 1 },
		{ "interfaces a.b", 1 },
		{ "interface a", 1 },
		{ "interface a.", 1 },
		{ "interface 1.b", 1 },
		{ "interface a.b-", 1 },
		{ "interface a.b\n\nfoo", 3 },
		{ "interface a.b\ntype t ()", 2 },
		{ "interface a.b\ntype T (a: Missing)", 2 },
		{ "interface a.b\ntype T ()\ntype T ()", 3 },
		{ "interface a.b\ntype T ()\nmethod T() -> ()", 3 },
		{ "interface a.b\ntype T (a: int, a: int)", 2 },
		{ "interface a.b\ntype T (a, a)", 2 },
		{ "interface a.b\ntype T (a: int, b)", 2 },
		{ "interface a.b\ntype T (a, b: int)", 2 },
		{ "interface a.b\ntype T (a: int,)", 2 },
		{ "interface a.b\ntype T (a: int", 2 },
		{ "interface a.b\ntype T (a: ??int)", 2 },
		{ "interface a.b\ntype T (a: [int]string)", 2 },
		{ "interface a.b\ntype T (_a: int)", 2 },
		{ "interface a.b\ntype T (a__b: int)", 2 },
		{ "interface a.b\ntype T (a_: int)", 2 },
		{ "interface a.b\ntype T int", 2 },
		{ "interface a.b\nmethod M()", 2 },
		{ "interface a.b\nmethod M(a, b) -> ()", 2 },
		{ "interface a.b\nerror E (a)", 2 },
		{ "interface a.b\nerror E", 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct interface *interface = NULL;
		unsigned int line = 0;
		int r = interface_new(cases[i].text, &interface, &line);

		if (line != cases[i].error_line)
			fprintf(stderr, "case %zu: %s\n", i, cases[i].text);
		CHECK_EQ(line, cases[i].error_line);
		CHECK_EQ(r, cases[i].error_line ? -EINVAL : 0);
		interface_free(interface);
	}
}

static void test_deep_nesting_is_refused(void)
{
	struct interface *interface;
	size_t n = 100000;
	char *text = malloc(2 * n + 100);

	strcpy(text, "interface a.b type T (a: ");
	for (size_t i = 0; i < n; i++)
		strcpy(text + 25 + 2 * i, "[]");
	strcpy(text + 25 + 2 * n, "int)");
	CHECK_EQ(interface_new(text, &interface, NULL), -EINVAL);
	free(text);
}

/* No prefix of the real file and no damage to it leads astray. */
static void test_damaged_text(void)
{
	size_t length = strlen(proto_interface_text);

	for (size_t n = 0; n < length; n += 7) {
		struct interface *interface = NULL;
		char *text = malloc(length + 1);

		memcpy(text, proto_interface_text, n);
		text[n] = '\0';
		interface_new(text, &interface, NULL);
		interface_free(interface);
		memcpy(text, proto_interface_text, length + 1);
		text[n] = "()[]?:,#>a"[n / 7 % 10];
		interface = NULL;
		interface_new(text, &interface, NULL);
		interface_free(interface);
		free(text);
	}
}

static const char check_text[] =
	"interface a.b\n"
	"type Inner (limit: ?int, must: bool)\n"
	"type Tree (value: int, children: ?[]Tree)\n"
	"type Color (red, green)\n"
	"method M(i: ?int, s: ?string, f: ?float, b: ?bool, o: ?object, any: ?any, list: ?[]int,\n"
	"  map: ?[string]Inner, inner: ?Inner, color: ?Color, tree: ?Tree, deep: ?[][]int,\n"
	"  maybe: ?[]?int) -> ()\n"
	"method N(must: int) -> ()\n";

static void check_one(const char *method, const char *json_text, int error, const char *path)
{
	struct interface *interface;
	struct json_object *json;
	char found[INTERFACE_PATH_MAX];
	int r;

	CHECK_EQ(interface_new(check_text, &interface, NULL), 0);
	CHECK_EQ(message_parse(json_text, strlen(json_text), 20, &json), 0);
	r = interface_check(interface_find(interface, INTERFACE_METHOD, method)->type, json, found);
	if (r != error)
		fprintf(stderr, "%s\n", json_text);
	CHECK_EQ(r, error);
	CHECK_STR(found, path);
	json_object_put(json);
	interface_free(interface);
}

static void test_check(void)
{
	const int type = INTERFACE_E_TYPE, missing = INTERFACE_E_MISSING,
		  unknown = INTERFACE_E_UNKNOWN;

	check_one("M", "{}", 0, "");
	check_one("M", "{\"i\":null,\"list\":null,\"inner\":null,\"color\":null}", 0, "");
	check_one("M", "{\"i\":-9223372036854775808,\"s\":\"\",\"f\":1.5,\"b\":false,\"o\":{\"x\":1},"
		       "\"any\":[1],\"list\":[1],\"map\":{\"k\":{\"must\":true}},\"color\":\"green\"}",
		  0, "");
	check_one("M", "{\"f\":1}", 0, "");
	check_one("M", "{\"deep\":[[],[1,2]],\"maybe\":[null,1]}", 0, "");
	check_one("M", "{\"tree\":{\"value\":1,\"children\":[{\"value\":2,\"children\":[]}]}}", 0, "");
	check_one("N", "{\"must\":0}", 0, "");

	check_one("N", "{}", missing, "must");
	check_one("N", "{\"must\":null}", missing, "must");
	check_one("N", "{\"must\":1,\"more\":1}", unknown, "more");
	check_one("N", "{\"more\":null}", unknown, "more");
	check_one("M", "{\"i\":\"1\"}", type, "i");
	check_one("M", "{\"i\":1.0}", type, "i");
	check_one("M", "{\"i\":1e2}", type, "i");
	check_one("M", "{\"i\":1e400}", type, "i");
	check_one("M", "{\"i\":9223372036854775808}", type, "i");
	check_one("M", "{\"i\":-9223372036854775809}", type, "i");
	check_one("M", "{\"i\":99999999999999999999999}", type, "i");
	check_one("M", "{\"i\":true}", type, "i");
	check_one("M", "{\"s\":1}", type, "s");
	check_one("M", "{\"s\":\"a\\u0000b\"}", type, "s");
	check_one("M", "{\"f\":1e400}", type, "f");
	check_one("M", "{\"f\":\"1\"}", type, "f");
	check_one("M", "{\"b\":0}", type, "b");
	check_one("M", "{\"o\":[]}", type, "o");
	check_one("M", "{\"list\":{}}", type, "list");
	check_one("M", "{\"list\":[1,\"x\"]}", type, "list[1]");
	check_one("M", "{\"list\":[1,null]}", missing, "list[1]");
	check_one("M", "{\"deep\":[[],[1,2.5]]}", type, "deep[1][1]");
	check_one("M", "{\"inner\":{\"limit\":\"x\",\"must\":true}}", type, "inner.limit");
	check_one("M", "{\"inner\":{\"limit\":1}}", missing, "inner.must");
	check_one("M", "{\"inner\":[]}", type, "inner");
	check_one("M", "{\"map\":{\"k\":{\"must\":1}}}", type, "map.k.must");
	check_one("M", "{\"color\":\"blue\"}", type, "color");
	check_one("M", "{\"color\":\"Red\"}", type, "color");
	check_one("M", "{\"color\":1}", type, "color");
	check_one("M", "{\"tree\":{\"value\":1,\"children\":[{\"value\":2,\"children\":[{}]}]}}",
		  missing, "tree.children[0].children[0].value");
}

static void test_path_is_cut(void)
{
	struct interface *interface;
	struct json_object *json = json_object_new_object();
	char key[402] = "", path[INTERFACE_PATH_MAX];

	for (int i = 0; i < 200; i++)
		strcat(key, "\xc3\xa4");
	json_object_object_add(json, key, json_object_new_int(1));
	CHECK_EQ(interface_new(check_text, &interface, NULL), 0);
	CHECK_EQ(interface_check(interface_find(interface, INTERFACE_METHOD, "M")->type, json, path),
		 INTERFACE_E_UNKNOWN);
	CHECK_EQ(strlen(path), INTERFACE_PATH_MAX - 2);
	CHECK_STR(path, key + 400 - (INTERFACE_PATH_MAX - 2));
	json_object_put(json);
	interface_free(interface);
}

int main(void)
{
	test_real_interface();
	test_grammar();
	test_deep_nesting_is_refused();
	test_damaged_text();
	test_check();
	test_path_is_cut();
	return 0;
}
