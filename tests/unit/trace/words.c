/* SPDX-License-Identifier: Apache-2.0 */
/* Names, words of the kernel, words for the user, and the kernel's notation of CPU sets. */
#include <errno.h>

#include "common/macro.h"
#include "daemon/trace/cpus.h"
#include "daemon/trace/denied.h"
#include "daemon/trace/kernel-words.h"
#include "daemon/trace/lbr.h"
#include "daemon/trace/names.h"
#include "tests/unit/check.h"

static void names(void)
{
	CHECK(name_matches("xdp_filter", "xdp_filter"));
	CHECK(!name_matches("xdp_filter", "xdp_filte"));
	CHECK(name_matches("a_name_of_more_than_15", "a_name_of_more_than_15"));
	CHECK(name_matches("a_name_of_more_than_15", "a_name_of_more_"));
	CHECK(!name_matches("a_name_of_more_than_15", "a_name_of_more"));
	CHECK(!name_matches("a_name_of_more_than_15", "a_name_of_more_t"));
	CHECK(!name_matches("xdp_filter", ""));
}

static void suggestions(void)
{
	struct name_suggestion s;

	name_suggestion_init(&s, "tcp_v4_rvc");
	name_suggestion_offer(&s, "udp_rcv");
	CHECK_STR(s.name, "");
	name_suggestion_offer(&s, "tcp_v6_rcv");
	CHECK_STR(s.name, "tcp_v6_rcv");
	name_suggestion_offer(&s, "tcp_v4_rcv");
	CHECK_STR(s.name, "tcp_v4_rcv");
	name_suggestion_offer(&s, "tcp_v6_rcv");
	CHECK_STR(s.name, "tcp_v4_rcv");
	name_suggestion_init(&s, "");
	name_suggestion_offer(&s, "x");
	CHECK_STR(s.name, "");
}

static void kernel_words(void)
{
	const struct target program = { .kind = TARGET_PROGRAM };
	const struct target function = { .kind = TARGET_FUNCTION };
	char detail[64];

	CHECK_EQ(kernel_words_load(&program, EINVAL,
				 "Cannot recursively attach\nprocessed 0 insns (limit 1)\n\n",
				 detail, sizeof(detail)),
			TARGET_E_TRACING_PROGRAM);
	CHECK_STR(detail, "Cannot recursively attach");
	CHECK_EQ(kernel_words_load(&function, EINVAL,
				 "Attaching fexit to __noreturn function 'f' is rejected.\n", detail,
				 sizeof(detail)),
			TARGET_E_NO_RETURN);
	CHECK_EQ(kernel_words_load(&function, ENOENT,
				 "The address of function f cannot be found\n", detail,
				 sizeof(detail)),
			TARGET_E_NOT_TRACEABLE);
	CHECK_EQ(kernel_words_load(&program, EPERM, "", detail, sizeof(detail)),
			TARGET_E_PERMISSION);
	CHECK(detail[0]);
	CHECK_EQ(kernel_words_load(&program, ENOENT, "", detail, sizeof(detail)), TARGET_E_GONE);
	CHECK_EQ(kernel_words_load(&program, EINVAL, "R1 is strange\nand so on", detail,
				 sizeof(detail)),
			TARGET_E_REFUSED);
	CHECK_STR(detail, "and so on");
	CHECK_EQ(kernel_words_attach(&program, E2BIG, detail, sizeof(detail)), TARGET_E_TOO_MANY);
	CHECK_EQ(kernel_words_attach(&program, EBUSY, detail, sizeof(detail)), TARGET_E_REFUSED);
	CHECK_EQ(kernel_words_attach(&function, EBUSY, detail, sizeof(detail)),
			TARGET_E_NOT_TRACEABLE);
}

/* Every reason has its own words, whole sentences, with the name and the particulars. */
static void failures(void)
{
	struct target target = { .kind = TARGET_PROGRAM, .program = "xdp", .function = "parse" };
	struct target_failure failure, other;

	for (int error = TARGET_E_NO_SUCH_PROGRAM; error <= TARGET_E_TOO_MANY; error++) {
		target_failure_set(&failure, &target, error, "and why");
		CHECK_EQ(failure.error, error);
		CHECK_STR(failure.name, "xdp:parse");
		CHECK(strstr(failure.message, "xdp:parse"));
		CHECK(strstr(failure.message, " (and why)."));
		CHECK(strlen(failure.message) < sizeof(failure.message) - 1);
		CHECK_EQ(failure.hint[strlen(failure.hint) - 1], '.');
		target_failure_set(&other, &target, error, NULL);
		CHECK(!strchr(other.message, '(') || error == TARGET_E_NO_BTF ||
				error == TARGET_E_TOO_MANY);
		if (error > 1) {
			target_failure_set(&other, &target, error - 1, "and why");
			CHECK(strcmp(failure.message, other.message));
		}
	}
	memset(target.program, 'p', sizeof(target.program) - 1);
	memset(target.function, 'f', sizeof(target.function) - 1);
	target_failure_set(&failure, &target, TARGET_E_TAIL_CALL_LOOP, "cut, not overrun");
	CHECK_EQ(strlen(failure.message), sizeof(failure.message) - 1);
}

static void target_names(void)
{
	struct target target = { .kind = TARGET_PROGRAM, .program = "xdp", .function = "xdp" };
	char name[64];

	target_format_name(&target, name, sizeof(name));
	CHECK_STR(name, "xdp");
	target = (struct target){ .kind = TARGET_FUNCTION, .function = "tcp_v4_rcv" };
	target_format_name(&target, name, sizeof(name));
	CHECK_STR(name, "tcp_v4_rcv");
}

static void lbr_errors(void)
{
	for (int error = LBR_E_NO_HARDWARE; error <= LBR_E_REFUSED; error++) {
		CHECK(lbr_error_message(error)[0] && lbr_error_hint(error)[0]);
		for (int other = error + 1; other <= LBR_E_REFUSED; other++) {
			CHECK(strcmp(lbr_error_message(error), lbr_error_message(other)));
			CHECK(strcmp(lbr_error_hint(error), lbr_error_hint(other)));
		}
	}
}

static void denied(void)
{
	CHECK(function_is_denied("bpf_get_branch_snapshot"));
	CHECK(function_is_denied("__bpf_prog_enter_recur"));
	CHECK(function_is_denied("intel_pmu_lbr_read_64"));
	CHECK(!function_is_denied("tcp_v4_rcv"));
	CHECK(!function_is_denied("migrate"));
	CHECK(function_never_returns("do_exit"));
	CHECK(!function_never_returns("do_exit_"));
}

static void cpu_sets(void)
{
	static const struct {
		const char *list;
		const char *cpus; /* one letter each, from 'a' for CPU 0 on */
	} cases[] = {
		{ "0\n", "a" },
		{ "0-3\n", "abcd" },
		{ "0,2-3,7\n", "acdh" },
		{ "1-1", "b" },
		{ "", "" },
		{ "\n", "" },
		{ "x", "" },
		{ "3-1", "" },
		{ "0,", "a" },
		{ "0-1,4000000000", "ab" },
		{ "1--2", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpu_walk walk = cpu_walk_start(cases[i].list);
		char seen[16] = "";
		unsigned int cpu, n = 0;

		while (cpu_walk_next(&walk, &cpu)) {
			CHECK(n < sizeof(seen) - 1);
			seen[n++] = (char)('a' + cpu);
		}
		CHECK_STR(seen, cases[i].cpus);
	}
}

int main(void)
{
	names();
	suggestions();
	kernel_words();
	failures();
	target_names();
	lbr_errors();
	denied();
	cpu_sets();
	return 0;
}
