/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the event loop, and measures for how long nobody else was served. */
#pragma once

#include <event2/event.h>

#include "daemon/api/api.h"

/* Until event_base_loopbreak() or an error. Counts as it goes. */
void loop_run(struct event_base *base, struct loop_counters *counters);
