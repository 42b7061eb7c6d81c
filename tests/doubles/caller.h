/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the house that holds every answer against the interface. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "proto/framing.h"
#include "proto/interface.h"

#define CALLER_MAX_CALLS 16

struct caller {
	int fd;
	struct framing framing;
	const struct interface_member *calls[CALLER_MAX_CALLS]; /* in the order of their answers */
	size_t n_calls, n_answered;
	bool ended; /* lbrd has closed the connection */
	size_t n_events, n_lost; /* that the streams have told of */
	size_t n_refused;
};

/* The interface; any failure here and below ends the process with a word. */
const struct interface *caller_interface(void);

void caller_init(struct caller *caller, uid_t uid);
void caller_deinit(struct caller *caller);

/*
 * Sends a call of `method`; false when there is no room for it. It is answered in a turn of the
 * house, and a oneway call is not.
 */
bool caller_send(struct caller *caller, const struct interface_member *method, bool more,
		bool oneway, const char *parameters, size_t length);
/* Reads what there is. Each answer must be to the oldest call that waits for one. */
void caller_read(struct caller *caller);
