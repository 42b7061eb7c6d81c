/* SPDX-License-Identifier: Apache-2.0 */
/* The bound of the cache of locations: what it drops, what it keeps, and until when. */
#include <inttypes.h>

#include "tests/unit/symbol/world.h"

#define MAX 256 /* as world.h has it */
#define FIRST UINT64_C(0xffffffff81001000)
#define HOT UINT64_C(0xffffffff81002010)
#define RECORD 64

static size_t render(const struct location *location, char *buffer, size_t size)
{
	return snprintf(buffer, size, "<%" PRIx64 ">", location->address);
}

static void check(const struct location *location, uint64_t address)
{
	char text[32];

	render(&(struct location){.address = address}, text, sizeof(text));
	CHECK_EQ(location->address, address);
	CHECK_EQ(location->text_length, strlen(text));
	CHECK_STR(location->text, text);
}

static struct symbols_description describe(const struct symbols *symbols)
{
	struct symbols_description description;

	symbols_describe(symbols, &description);
	return description;
}

/* Many records of ever other addresses, and one that is in all of them. */
static void test_hot_one_stays(void)
{
	struct symbols *symbols = make_world(render);
	const struct location *hot = symbols_resolve(symbols, HOT, 0);
	uint64_t address = FIRST;

	for (unsigned int record = 0; record < 500; record++) {
		symbols_refresh(symbols);
		CHECK(describe(symbols).cached_locations <= MAX);
		CHECK(describe(symbols).location_bytes < 100000);
		CHECK(symbols_resolve(symbols, HOT, 0) == hot);
		check(hot, HOT);
		for (unsigned int i = 0; i < RECORD; i++, address++)
			if (address != HOT)
				check(symbols_resolve(symbols, address, 0), address);
	}
	symbols_free(symbols);
}

/* Whatever the bound is, what was handed out stays up to the refresh. */
static void test_nothing_goes_before_the_refresh(void)
{
	static const struct location *locations[4 * MAX];
	struct symbols *symbols = make_world(render);

	for (unsigned int i = 0; i < 4 * MAX; i++)
		locations[i] = symbols_resolve(symbols, FIRST + i, 0);
	CHECK_EQ(describe(symbols).cached_locations, 4 * MAX);
	for (unsigned int i = 0; i < 4 * MAX; i++)
		check(locations[i], FIRST + i);
	symbols_refresh(symbols);
	CHECK(describe(symbols).cached_locations <= MAX);
	symbols_free(symbols);
}

int main(void)
{
	test_hot_one_stays();
	test_nothing_goes_before_the_refresh();
	return 0;
}
