/* SPDX-License-Identifier: Apache-2.0 */
/* What stream.c and stream-replies.c know of each other. */
#pragma once

#include "client/account.h"
#include "client/comeback.h"
#include "client/event.h"
#include "client/render-event.h"
#include "client/stream.h"

struct stream {
	struct context *context;
	const struct stream_config *config;
	struct client *client;
	struct client *detacher; /* NULL: nothing is being detached */
	struct event_reader *reader;
	struct event_renderer renderer;
	struct source_tree *tree; /* NULL: none */
	int64_t attachment; /* the one made by this call; 0: none yet */
	struct account account;
	struct account before; /* of attachments of this call that ended with an earlier lbrd */
	struct comeback comeback;
	unsigned int building; /* indices of which we said so */
	bool stopping;
	bool finished;
	int exit_code;
	struct event event;
};

/* The stream ends, with this exit code, when what is being done is through. */
void stream_finish(struct stream *stream, int exit_code);
/* Shows and counts what a message of the server says: walked once, for most are events. */
void stream_take_reply(struct stream *stream, const char *data, size_t length);
