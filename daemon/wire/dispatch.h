/* SPDX-License-Identifier: Apache-2.0 */
/* A message becomes a call and finds its handler. Private to the room. */
#pragma once

#include <stddef.h>

struct peer;

/*
 * Answers one message of a peer that has no open call. What is no call at all ends the connection
 * once its earlier replies have left; any call is answered, or left open by its handler. A NUL
 * byte follows the message.
 */
void dispatch_message(struct peer *peer, const char *message, size_t length);
