/* SPDX-License-Identifier: Apache-2.0 */
/* The errors of io.lbrd.varlink that more than one place answers, each with what to do next. */
#pragma once

#include "daemon/api/limits.h"
#include "daemon/wire/server.h"

/* Each ends the call and returns what call_error() returns. */
int error_invalid_parameter(struct call *call, const char *name);
/* `error`: enum lbr_error, or 0 when the kernel has no snapshot helper. */
int error_branch_records(struct call *call, int error);
/* `error`: the negative errno of trace_probe(). */
int error_tracing(struct call *call, int error);
int error_limit(struct call *call, enum limit_id id);
int error_no_such_attachment(struct call *call, uint32_t id);
int error_not_owner(struct call *call, uint32_t id, uid_t owner);

/* What error_branch_records() and error_tracing() say, for Describe. */
const char *branch_records_message(int error);
const char *tracing_message(int error);
