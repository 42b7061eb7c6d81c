// SPDX-License-Identifier: Apache-2.0
/* Selectors with real programs, and what is refused. */
#include <bpf/bpf.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/trace/programs.h"
#include "daemon/trace/select.h"
#include "tests/guest/trace/fixture.h"

/* The one program that every selector must find. */
static void finds(struct fixture *fixture, const struct target_selector *selector,
		const char *program)
{
	struct target_list list = {};

	CHECK_EQ(targets_resolve(fixture->targets, selector, TRACE_EXIT, &list), 0);
	CHECK_EQ(list.n_failures, 0);
	for (size_t i = 0; i < list.n_targets; i++)
		if (!strcmp(list.targets[i].program, program)) {
			CHECK_EQ(list.targets[i].program_id,
					fixture_program(fixture, program, NULL));
			target_list_deinit(&list);
			return;
		}
	CHECK(!"found");
}

static void every_way_to_a_program(void)
{
	struct fixture fixture;
	struct target target;
	char path[] = "/sys/fs/bpf/lbrd-test-target";
	int fd;

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_with_long_name", NULL, TRACE_EXIT, &target);
	fixture_program(&fixture, "target_with_long_name", &fd);
	CHECK_EQ(bpf_obj_pin(fd, path), 0);

	finds(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_NAME,
				.text = "target_with_long_name" }, "target_with_long_name");
	finds(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_NAME,
				.text = "target_with_lon" }, "target_with_long_name");
	finds(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_TAG, .text = target.tag },
			"target_with_long_name");
	finds(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_PATH, .text = path },
			"target_with_long_name");
	finds(&fixture, &(struct target_selector){ .by = SELECT_OWNER, .owner = getpid() },
			"target_with_long_name");
	finds(&fixture, &(struct target_selector){ .by = SELECT_ALL_PROGRAMS },
			"target_with_long_name");
	unlink(path);
	fixture_deinit(&fixture);
}

static void refuse(struct fixture *fixture, const struct target_selector *selector,
		enum trace_mode mode, enum target_error error, const char *words)
{
	struct target_failure failure;

	fixture_failure(fixture, selector, mode, &failure);
	printf("# %s | %s\n", failure.message, failure.hint);
	CHECK_EQ(failure.error, error);
	CHECK(strstr(failure.message, words) || strstr(failure.hint, words));
}

static void nothing_there(void)
{
	struct fixture fixture;
	char map_path[] = "/sys/fs/bpf/lbrd-test-map";
	uint32_t id;

	fixture_init(&fixture, 0);
	id = fixture_program(&fixture, "target_with_long_name", NULL);
	refuse(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_ID, .id = 4000000 },
			TRACE_EXIT, TARGET_E_NO_SUCH_PROGRAM, "4000000");
	refuse(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_NAME,
				.text = "target_shirt" }, TRACE_EXIT, TARGET_E_NO_SUCH_PROGRAM,
			"Did you mean target_short?");
	refuse(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_TAG,
				.text = "0000000000000000" }, TRACE_EXIT,
			TARGET_E_NO_SUCH_PROGRAM, "0000000000000000");
	refuse(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_ID, .id = id,
				.function = "target_subpogram" }, TRACE_EXIT,
			TARGET_E_NO_SUCH_FUNCTION, "Did you mean target_subprogram?");
	refuse(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_ID, .id = id,
				.function = "target_jumps_on" }, TRACE_EXIT,
			TARGET_E_NOT_TRACEABLE, "not part of this program");
	refuse(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_PATH,
				.text = "/sys/fs/bpf/no/such" }, TRACE_EXIT,
			TARGET_E_NO_SUCH_PATH, "/sys/fs/bpf/no/such");
	CHECK_EQ(bpf_obj_pin(bpf_object__find_map_fd_by_name(fixture.object, "target_jumps"),
				 map_path), 0);
	refuse(&fixture, &(struct target_selector){ .by = SELECT_PROGRAM_PATH, .text = map_path },
			TRACE_EXIT, TARGET_E_NO_SUCH_PATH, "no program");
	unlink(map_path);
	refuse(&fixture, &(struct target_selector){ .by = SELECT_OWNER, .owner = 3999999 },
			TRACE_EXIT, TARGET_E_NO_SUCH_PROCESS, "3999999");
	refuse(&fixture, &(struct target_selector){ .by = SELECT_OWNER, .owner = 2 }, TRACE_EXIT,
			TARGET_E_NO_PROGRAMS, "2");
	fixture_deinit(&fixture);
}

static void kernel_functions(void)
{
	struct fixture fixture;
	struct target target;
	struct target_selector selector = { .by = SELECT_KERNEL_FUNCTION };

	fixture_init(&fixture, 0);
	selector.text = "__x64_sys_getpgidd";
	refuse(&fixture, &selector, TRACE_EXIT, TARGET_E_NO_SUCH_FUNCTION,
			"Did you mean __x64_sys_getpgid?");
	selector.text = "do_exit";
	refuse(&fixture, &selector, TRACE_EXIT, TARGET_E_NO_RETURN, "entry");
	selector.text = "bpf_get_branch_snapshot";
	refuse(&fixture, &selector, TRACE_EXIT, TARGET_E_DENIED, "tracer");
	fixture_function(&fixture, "do_exit", TRACE_ENTRY, &target);
	fixture_attach(&fixture, &target, false);
	targets_trim(fixture.targets);
	fixture_function(&fixture, "__x64_sys_getpgid", TRACE_EXIT, &target);
	CHECK_EQ(target.return_kind, RETURN_SIGNED);
	CHECK_EQ(target.return_bytes, 8);
	fixture_deinit(&fixture);
}

/* BTF knows it, but the kernel cannot patch its entry: it tells, and we hand its reason on. */
static void function_without_an_entry(void)
{
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	char detail[512] = "";
	int r;

	fixture_init(&fixture, 0);
	fixture_function(&fixture, "exc_page_fault", TRACE_EXIT, &target); /* noinstr */
	r = tracer_acquire(fixture.trace, &target, false, detail, sizeof(detail), &tracer);
	if (!r)
		r = tracer_activate(tracer, detail, sizeof(detail));
	printf("# %s\n", detail);
	CHECK_EQ(r, TARGET_E_NOT_TRACEABLE);
	CHECK(detail[0]);
	fixture_deinit(&fixture);
}

static void tail_calls(void)
{
	unsigned int version = linux_version();
	struct fixture fixture;
	struct target target;
	struct target_selector selector = {
		.by = SELECT_PROGRAM_ID,
		.function = "target_jumps_on",
	};

	fixture_init(&fixture, 0);
	selector.id = fixture_program(&fixture, "target_tail_caller", NULL);
	if (version >= LINUX_VERSION(6, 7))
		fixture_target(&fixture, "target_tail_caller", "target_jumps_on", TRACE_EXIT,
				&target);
	else
		refuse(&fixture, &selector, TRACE_EXIT, TARGET_E_TAIL_CALL_LOOP, "tail call");
	fixture_target(&fixture, "target_tail_caller", "target_stays", TRACE_EXIT, &target);
	fixture_attach(&fixture, &target, false);
	fixture_target(&fixture, "target_tail_caller", NULL, TRACE_EXIT, &target);
	fixture_attach(&fixture, &target, false);
	fixture_deinit(&fixture);
}

/* Loads target-tracing.bpf.o for the entry of another program. The object is the caller's. */
static void load_tracing(int target_fd, const char *function, struct bpf_object **ret,
		uint32_t *ret_id)
{
	struct bpf_object *object = *ret = bpf_object__open_file(TRACING_OBJECT, NULL);
	struct bpf_program *program;
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	CHECK(object);
	program = bpf_object__find_program_by_name(object, "target_tracing");
	CHECK_EQ(bpf_program__set_attach_target(program, target_fd, function), 0);
	CHECK_EQ(bpf_object__load(object), 0);
	CHECK_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size), 0);
	*ret_id = info.id;
}

static void tracing_programs(void)
{
	struct target_selector selector = { .by = SELECT_PROGRAM_ID };
	struct target_list list = {};
	struct bpf_object *object;
	struct fixture fixture;
	int fd;

	fixture_init(&fixture, 0);
	fixture_program(&fixture, "target_short", &fd);
	load_tracing(fd, "target_short", &object, &selector.id);
	CHECK_EQ(targets_resolve(fixture.targets, &selector, TRACE_EXIT, &list), 0);
	CHECK_EQ(list.n_targets, 0);
	CHECK_EQ(list.n_failures, 1);
	CHECK_EQ(list.failures[0].error, TARGET_E_TRACING_PROGRAM);
	target_list_deinit(&list);
	bpf_object__close(object);
	fixture_deinit(&fixture);
}

static void own_tracers_are_never_meant(void)
{
	struct fixture fixture;
	struct target target;
	struct tracer *tracer;
	struct target_list list = {};
	struct target_selector selector = { .by = SELECT_PROGRAM_ID };

	fixture_init(&fixture, 0);
	fixture_target(&fixture, "target_short", NULL, TRACE_EXIT, &target);
	tracer = fixture_attach(&fixture, &target, false);
	selector.id = tracer_program_id(tracer);
	refuse(&fixture, &selector, TRACE_EXIT, TARGET_E_DENIED, "lbrd");
	selector = (struct target_selector){ .by = SELECT_ALL_PROGRAMS };
	CHECK_EQ(targets_resolve(fixture.targets, &selector, TRACE_EXIT, &list), 0);
	for (size_t i = 0; i < list.n_targets; i++)
		CHECK(list.targets[i].program_id != tracer_program_id(tracer));
	target_list_deinit(&list);
	fixture_deinit(&fixture);
}

const struct test_case select_cases[] = {
	{ "every way to a program", every_way_to_a_program },
	{ "nothing there", nothing_there },
	{ "kernel functions", kernel_functions },
	{ "a function without an entry", function_without_an_entry },
	{ "tail calls", tail_calls },
	{ "tracing programs", tracing_programs },
	{ "own tracers are never meant", own_tracers_are_never_meant },
	{},
};
