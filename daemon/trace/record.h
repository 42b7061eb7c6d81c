/* SPDX-License-Identifier: Apache-2.0 */
/* Raw bytes of the ring buffer to a snapshot. */
#pragma once

#include <stddef.h>

#include "daemon/model/snapshot.h"

/*
 * Checks length and ranges and decodes one record; stops at the first entry with from == to == 0
 * (a stale tail, as Intel may leave it). `ret` is wholly defined on success. -EBADMSG when the
 * bytes are not a record: too short for what branch_bytes says, or that is not whole entries, or
 * of a CPU that no machine has.
 */
int record_decode(const void *data, size_t length, struct snapshot *ret);
