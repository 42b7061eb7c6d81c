// SPDX-License-Identifier: Apache-2.0
/* See btf-function.h. Ids come from the kernel and are not trusted to be of the expected kind. */
#include "daemon/trace/btf-function.h"

#include <bpf/btf.h>
#include <stddef.h>

static const struct btf_type *function_at(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	return type && btf_is_func(type) ? type : NULL;
}

static const struct btf_type *strip(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	return type;
}

static enum return_kind kind_of(const struct btf_type *type)
{
	if (btf_is_ptr(type))
		return RETURN_POINTER;
	if (btf_is_int(type))
		return btf_int_encoding(type) & BTF_INT_SIGNED ? RETURN_SIGNED : RETURN_UNSIGNED;
	/* Enumerations had no sign before BTF of 6.0 (kind_flag); most of them have none. */
	if (btf_is_any_enum(type))
		return btf_kflag(type) ? RETURN_SIGNED : RETURN_UNSIGNED;
	return RETURN_NONE;
}

void btf_function_return(const struct btf *btf, uint32_t id, enum return_kind *ret_kind,
		uint8_t *ret_bytes)
{
	const struct btf_type *function = function_at(btf, id), *type = NULL;

	*ret_kind = RETURN_NONE;
	*ret_bytes = 8;
	if (function)
		type = strip(btf, function->type);
	if (!type || !btf_is_func_proto(type))
		return;
	type = strip(btf, type->type);
	if (!type || btf_is_void(type))
		return;
	*ret_kind = kind_of(type);
	if (*ret_kind != RETURN_NONE && *ret_kind != RETURN_POINTER && type->size <= 8)
		*ret_bytes = (uint8_t)type->size;
}

const char *btf_function_name(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = function_at(btf, id);
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;

	return name ? name : "";
}
