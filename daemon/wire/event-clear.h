/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an event of libevent, whether it was ever made or not. */
#pragma once

#include <event2/event.h>
#include <stddef.h>

static inline void event_clear(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}
