// SPDX-License-Identifier: Apache-2.0
/* Runs every case in a process of its own and prints TAP. In the guest only: see tests/vm. */
#include <sys/wait.h>
#include <unistd.h>

#include "common/macro.h"
#include "tests/guest/trace/fixture.h"

static bool passes(const struct test_case *test)
{
	int status = 1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		alarm(300);
		test->run();
		exit(0);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

int main(int argc, char **argv)
{
	static const struct test_case *const files[] = {
		attach_cases,
		account_cases,
		life_cases,
		select_cases,
	};
	unsigned int n = 0, failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		for (const struct test_case *test = files[i]; test->name; test++) {
			bool ok;

			if (argc > 1 && !strstr(test->name, argv[1]))
				continue;
			ok = passes(test);
			failed += !ok;
			printf("%sok %u - %s\n", ok ? "" : "not ", ++n, test->name);
		}
	printf("1..%u\n", n);
	return failed > 0;
}
