/* SPDX-License-Identifier: Apache-2.0 */
/* The latest observations, kept for those who come late. */
#pragma once

#include "daemon/api/encoder.h"
#include "daemon/api/observation.h"

struct history;

/* Bounded by LIMIT_REPLAY_EVENTS and LIMIT_REPLAY_BYTES. -ENOMEM. */
int history_new(struct history **ret);
void history_free(struct history *history);
/* Takes a reference; the oldest ones leave when there is no room. */
void history_keep(struct history *history, struct observation *observation);
/* To be called when views of kept observations were made: they weigh more now. */
void history_weigh(struct history *history);
size_t history_length(const struct history *history);
/* Borrowed; index 0 is the oldest. */
struct observation *history_at(const struct history *history, size_t index);
size_t history_bytes(const struct history *history);
/* Encodes up to `max` of those that have no frame yet, the oldest first. */
void history_encode(struct history *history, struct encoder *encoder, size_t max);
