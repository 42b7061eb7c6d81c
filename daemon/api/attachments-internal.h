/* SPDX-License-Identifier: Apache-2.0 */
/* What attachments.c, attachment-*.c, attaching.c and survival.c know of each other. */
#pragma once

#include "daemon/api/attachments.h"
#include "daemon/api/tracing.h"

struct attachments {
	struct attachments_config config;
	struct tracings tracings;
	TAILQ_HEAD(attachment_list, attachment) list;
	size_t count;
	uint32_t last_id;
	struct losses losses; /* of all that ever were, as reported */
};

void attachment_add(struct attachments *attachments, struct attachment *attachment);
void attachment_remove(struct attachments *attachments, struct attachment *attachment);
/* Releases what the attachment uses and forgets it. It is in no list. */
void attachment_discard(struct attachments *attachments, struct attachment *attachment);
/* The same, without keeping anybody waiting for the kernel. */
void attachment_abandon(struct attachments *attachments, struct attachment *attachment);
/* Paths of records are made of it, whatever becomes of the program. */
void attachment_capture_code(struct attachments *attachments, const struct attachment *attachment);

/* Lets it outlive this process, if there is a keeper; tells when that cannot be. */
void attachment_keep(struct attachments *attachments, struct attachment *attachment);
/* Before its tracers are switched off: it is over for every later lbrd as well. */
void attachment_unkeep(struct attachments *attachments, struct attachment *attachment);

/* Whether the request is within the fixed limits: 0, or ATTACH_E_LIMIT with its detail. */
int attachments_check_limits(const struct attachments *attachments,
		const struct attach_request *request, int *ret_detail);
/* Charges its owner: 0, or ATTACH_E_SHARE with its detail. */
int attachment_take_charges(struct attachment *attachment, const struct attach_request *request,
		int *ret_detail);
