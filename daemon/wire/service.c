/* SPDX-License-Identifier: Apache-2.0 */
/* How a client that knows nothing of us learns what it may call. */
#include "daemon/wire/service.h"

#include <stdio.h>
#include <string.h>

#include "daemon/wire/server-internal.h"
#include "proto/json-tree.h"

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_tree_add(object, key, json_object_new_string(value ? value : ""));
}

static int get_info(struct call *call, struct json_object *parameters, void *userdata)
{
	struct server *server = userdata;
	struct json_object *reply = json_object_new_object();
	struct json_object *interfaces = json_object_new_array();

	add_string(reply, "vendor", server->vendor);
	add_string(reply, "product", server->product);
	add_string(reply, "version", server->version);
	add_string(reply, "url", server->url);
	for (int i = 0; i < N_SERVED; i++)
		json_tree_append(interfaces,
				json_object_new_string(server->served[i].interface->name));
	json_tree_add(reply, "interfaces", interfaces);
	call_reply(call, reply);
	return 0;
}

static int get_interface_description(struct call *call, struct json_object *parameters,
				     void *userdata)
{
	struct server *server = userdata;
	const char *name =
		json_object_get_string(json_object_object_get(parameters, "interface"));
	struct json_object *reply = json_object_new_object();

	for (int i = 0; i < N_SERVED; i++) {
		if (strcmp(server->served[i].interface->name, name) != 0)
			continue;
		add_string(reply, "description", server->served[i].text);
		call_reply(call, reply);
		return 0;
	}
	add_string(reply, "interface", name);
	call_error(call, VARLINK_E_INTERFACE_NOT_FOUND, reply);
	return 0;
}

const struct method service_methods[] = {
	{ .name = "GetInfo", .handler = get_info },
	{ .name = "GetInterfaceDescription", .handler = get_interface_description },
	{ 0 },
};

bool service_own_error(struct server *server, const char *name, struct json_object *parameters,
		       char ret[static SERVICE_ERROR_NAME_MAX])
{
	const struct interface *interface = server->served[SERVED_OWN].interface;
	const struct interface_member *error = interface_find(interface, INTERFACE_ERROR, name);
	char path[INTERFACE_PATH_MAX];
	int length;

	if (!error || interface_check(error->type, parameters, path))
		return false;
	length = snprintf(ret, SERVICE_ERROR_NAME_MAX, "%s.%s", interface->name, name);
	return length < SERVICE_ERROR_NAME_MAX;
}
