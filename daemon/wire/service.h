/* SPDX-License-Identifier: Apache-2.0 */
/* org.varlink.service, which every Varlink service has. Private to the room. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "daemon/wire/server.h"

/* The text of org.varlink.service.varlink. */
extern const char service_interface_text[];
/* Its handlers; their userdata is the server. */
extern const struct method service_methods[];

#define SERVICE_ERROR_NAME_MAX 256

/*
 * Whether the served interface declares an error `name` that takes these parameters; if so *ret is
 * its full name.
 */
bool service_own_error(struct server *server, const char *name, struct json_object *parameters,
		       char ret[static SERVICE_ERROR_NAME_MAX]);
