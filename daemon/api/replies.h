/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of io.lbrd.varlink that replies and errors are made of. */
#pragma once

#include <json-c/json.h>

#include "daemon/api/attachments.h"
#include "daemon/model/index-status.h"
#include "daemon/model/losses.h"
#include "daemon/model/target.h"
#include "proto/json-tree.h"

/*
 * Each returns a new object, which is NULL or marked as incomplete when memory ran out: it can be
 * passed on as it is, for what is not whole is not sent (json-tree.h).
 */
struct json_object *reply_target(const struct target *target);
struct json_object *reply_losses(const struct losses *losses);
/* The way back: a client's Losses, which the interface has been checked to be complete. */
void reply_read_losses(struct json_object *object, struct losses *ret);
struct json_object *reply_attachment(const struct attachment *attachment, size_t n_observers);
/* `hide`: no addresses of the kernel, which its own words may hold. */
struct json_object *reply_failures(const struct target_list *list, bool hide);
struct json_object *reply_index(const struct index_status *status);
/* {"message": …, "hint": …} */
struct json_object *reply_problem(const char *message, const char *hint);

/* Returns {"<name>": value}, taking `value` over. */
struct json_object *reply_wrap(const char *name, struct json_object *value);

void reply_add(struct json_object *object, const char *name, struct json_object *value);
void reply_add_int(struct json_object *object, const char *name, uint64_t value);
void reply_add_bool(struct json_object *object, const char *name, bool value);
/* NULL and "" leave the member out: absent means not known. */
void reply_add_string(struct json_object *object, const char *name, const char *value);
/* "0xffffffff81000000" */
void reply_add_address(struct json_object *object, const char *name, uint64_t address);
