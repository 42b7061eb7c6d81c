/* SPDX-License-Identifier: Apache-2.0 */
/* List: what is attached now. */
#include "daemon/api/api.h"
#include "daemon/api/replies.h"

int method_list(struct call *call, struct json_object *parameters, void *userdata)
{
	struct json_object *array = json_object_new_array();
	struct attachment *attachment = NULL;
	struct api *api = userdata;

	while (array && (attachment = attachments_next(api->attachments, attachment)))
		json_tree_append(array, reply_attachment(attachment,
				hub_n_observers(api->hub, attachment->id)));
	return call_reply(call, reply_wrap("attachments", array));
}
