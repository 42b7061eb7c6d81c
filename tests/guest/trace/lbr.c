// SPDX-License-Identifier: Apache-2.0
/*
 * Branch records on machines that have none, or drivers that want to be asked in another way: the
 * argument says which (the options of tests/vm/run).
 */
#include <errno.h>

#include "daemon/trace/lbr.h"
#include "tests/unit/check.h"

static void expect_error(struct lbr *lbr, int error, int number)
{
	int found = 0;

	CHECK_EQ(lbr_probe(lbr, &found), error);
	CHECK_EQ(found, number);
	CHECK_EQ(lbr_acquire(lbr), error);
	CHECK_EQ(lbr_mode(lbr), LBR_CLOSED);
}

static void expect_mode(struct lbr *lbr, enum lbr_mode mode)
{
	int found = -1;

	CHECK_EQ(lbr_probe(lbr, &found), 0);
	CHECK_EQ(found, 0);
	CHECK_EQ(lbr_acquire(lbr), 0);
	CHECK_EQ(lbr_mode(lbr), mode);
	lbr_release(lbr);
	CHECK_EQ(lbr_mode(lbr), LBR_CLOSED);
}

int main(int argc, char **argv)
{
	struct lbr *lbr;

	CHECK_EQ(argc, 2);
	CHECK_EQ(lbr_new(NULL, &lbr), 0);
	if (!strcmp(argv[1], "no-lbr"))
		expect_error(lbr, LBR_E_NO_HARDWARE, ENOENT);
	else if (!strcmp(argv[1], "no-branches"))
		expect_error(lbr, LBR_E_UNSUPPORTED, EOPNOTSUPP);
	else if (!strcmp(argv[1], "counting-einval"))
		expect_mode(lbr, LBR_SAMPLING);
	else if (!strcmp(argv[1], "none"))
		expect_mode(lbr, LBR_COUNTING);
	else
		CHECK(!"known");
	lbr_free(lbr);
	return 0;
}
