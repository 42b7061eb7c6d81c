/* SPDX-License-Identifier: Apache-2.0 */
/* An attachment in the making, target by target, so that others are served in between. */
#pragma once

#include "daemon/api/attachments.h"

struct attaching;

/*
 * Takes what the request is charged for and the branch records. The request's list, peer and
 * account must stay until the end. Positive: enum attach_error with `ret_detail`.
 */
int attaching_new(struct attachments *attachments, const struct attach_request *request,
		struct attaching **ret, int *ret_detail);
/*
 * Loads the tracer of one target or, once all are loaded, activates one: some 1 to 100 ms of the
 * kernel's time. -EINPROGRESS: call it again. 0: all are active, and the attachment begins now, of
 * all targets at the same moment. Positive: enum attach_error with `ret_detail`, and what was
 * refused in the list's failures, unless the request is `partial` and something is left to attach.
 * Not to be called again after anything but -EINPROGRESS.
 */
int attaching_step(struct attaching *attaching, struct attachment **ret, int *ret_detail);
/* Undoes what has not become an attachment. NULL is fine. */
void attaching_free(struct attaching *attaching);
