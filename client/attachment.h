/* SPDX-License-Identifier: Apache-2.0 */
/* Words for attachments and their ends. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

/* "xdp_filter (prog 850)" or "tcp_v4_rcv [module]"; always terminated. `target`: a Target. */
void attachment_format_target(struct json_object *target, char *buffer, size_t size);

/* Tells on standard error what was attached, one line per target, and what of it could not be. */
void attachment_tell(struct json_object *attachment, struct json_object *failures);

/* Why an attachment ended, as a clause for a sentence; `reason` as in Ended of io.lbrd. */
const char *attachment_end_text(const char *reason);
