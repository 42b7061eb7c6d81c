/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where systemd listens, a restarted lbrd is reached at the first attempt; elsewhere the socket is
 * tried again, ever less often. The rule that must not break: Ctrl-C ends the waiting at once.
 */
#include "client/comeback.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "client/request.h"
#include "client/signals.h"
#include "common/clock.h"
#include "common/macro.h"

#define FIRST_DELAY_MS 20
#define LAST_DELAY_MS 500

/* A line of its own among those of lbrd. */
static void tell_json(struct comeback *comeback, const char *text)
{
	struct output *out = &comeback->context->out;

	if (!comeback->context->json)
		return;
	output_string(out, text);
	output_flush(out);
}

void comeback_read_lineage(struct json_reader *r, char *ret, size_t size)
{
	struct json_slice text;

	if (!json_read_string(r, ret, size - 1, &text))
		return;
	if (text.length >= size) {
		r->error = -EBADMSG;
		return;
	}
	memmove(ret, text.data, text.length);
	ret[text.length] = '\0';
}

void comeback_begin(struct comeback *comeback)
{
	if (comeback->away)
		return;
	comeback->away = true;
	comeback->deadline = clock_ms() + comeback->patience * INT64_C(1000);
	comeback->delay = 0;
	tell_json(comeback, "{\"connection\":{\"state\":\"lost\"}}\n");
	if (!comeback->shut_down)
		tell("the connection was lost; waiting for lbrd to come back");
}

/* False: Ctrl-C, or nobody reads our output any more. */
static bool wait_a_moment(struct comeback *comeback, int ms)
{
	struct pollfd fds[] = {
		{ .fd = signals_fd(), .events = POLLIN },
		{ .fd = comeback->context->out.fd },
	};

	poll(fds, ARRAY_SIZE(fds), ms);
	return !signals_interrupted() && !(fds[1].revents & (POLLERR | POLLHUP));
}

static int give_up(const struct comeback *comeback, struct client *client)
{
	client_free(client);
	if (!comeback->shut_down) {
		complain("lbrd did not come back within %u s", comeback->patience);
		hint("'systemctl status lbrd' says how it is, 'journalctl -u lbrd' why it ended");
	}
	return STATUS_ENDED_EARLY;
}

int comeback_connect(struct comeback *comeback, struct client **ret)
{
	*ret = NULL;
	while (wait_a_moment(comeback, comeback->delay)) {
		int r = request_reach(comeback->context, ret);

		comeback->delay = comeback->delay ? MIN(2 * comeback->delay, LAST_DELAY_MS) :
						    FIRST_DELAY_MS;
		if (clock_ms() + comeback->delay > comeback->deadline)
			return give_up(comeback, TAKE_PTR(*ret));
		if (r == 0)
			return STATUS_OK;
		if (r != CLIENT_E_NO_SOCKET && r != CLIENT_E_REFUSED && r != CLIENT_E_TIMEOUT)
			return request_connect(comeback->context, ret);
		if (comeback->shut_down)
			return give_up(comeback, NULL);
	}
	return STATUS_ENDED_EARLY;
}

static struct json_object *copy(struct json_object *parameters)
{
	struct json_object *object = NULL;

	json_object_deep_copy(parameters, &object, NULL);
	return object;
}

struct json_object *comeback_attach(struct json_object *parameters, uint64_t shown)
{
	struct json_object *object = copy(parameters), *filter, *limit;

	if (object && json_object_object_get_ex(object, "filter", &filter) &&
	    json_object_object_get_ex(filter, "limit", &limit))
		json_object_set_int64(limit, json_object_get_int64(limit) - (int64_t)shown);
	return object;
}

static struct json_object *make_losses(const struct losses *losses)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < LOSS_COUNT; i++)
		json_object_object_add(object, loss_members[i],
				       json_object_new_int64((int64_t)losses->count[i]));
	return object;
}

struct json_object *comeback_watch(const struct comeback *comeback, struct json_object *parameters)
{
	struct json_object *object = copy(parameters);

	if (!object || !*comeback->lineage)
		return object;
	json_object_object_del(object, "replay");
	json_object_object_add(object, "after", json_object_new_int64(comeback->sequence));
	json_object_object_add(object, "losses", make_losses(&comeback->known));
	json_object_object_add(object, "lineage", json_object_new_string(comeback->lineage));
	return object;
}

void comeback_end(struct comeback *comeback, const char *lineage)
{
	bool same = *lineage && !strcmp(lineage, comeback->lineage);

	comeback->away = false;
	comeback->shut_down = false;
	tell_json(comeback, same ?
		"{\"connection\":{\"state\":\"restored\",\"resumed\":true}}\n" :
		"{\"connection\":{\"state\":\"restored\",\"resumed\":false}}\n");
	if (same && comeback->sequence)
		tell("connected again: going on behind event #%" PRId64, comeback->sequence);
	else if (same)
		tell("connected again");
	else
		tell("connected again; what happened meanwhile is neither shown nor counted");
}
