/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn is what happens between two waits. Its length is taken in CPU time, for only that leaves
 * out the wait: libevent tells no moment between waiting and working.
 */
#include "daemon/loop.h"

#include "common/clock.h"
#include "common/macro.h"

void loop_run(struct event_base *base, struct loop_counters *counters)
{
	uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	while (event_base_loop(base, EVLOOP_ONCE) == 0 && !event_base_got_break(base)) {
		uint64_t after = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		uint64_t turn = after - before;

		counters->turns++;
		counters->over_1_ms += turn > NS_PER_MS;
		counters->over_5_ms += turn > 5 * NS_PER_MS;
		counters->longest = MAX(counters->longest, turn);
		before = after;
	}
}
