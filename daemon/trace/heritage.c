// SPDX-License-Identifier: Apache-2.0
/*
 * From a link to all that hangs on it: the link holds the program, the program its maps. So one
 * descriptor is enough to keep a tracer whole while no lbrd runs.
 *
 * The rule that must not break: what is taken over is believed only as far as the kernel confirms
 * it. A map of another size would be read, and written, beyond its end.
 */
#include "daemon/trace/heritage.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "bpf/pool.h"
#include "common/cleanup.h"
#include "common/macro.h"

/* A tracer has three. */
#define MAPS_MAX 8

/* Should one of these fail, it is another layout: LBRD_TRACER_ABI must be another number, too. */
_Static_assert(LBRD_TRACER_ABI == 1, "the layouts below are those of ABI 1");
_Static_assert(sizeof(struct lbrd_control) == 56, "the control map of ABI 1");
_Static_assert(sizeof(struct lbrd_slot) == 64 + 64 * 24, "the slots of ABI 1");
_Static_assert(sizeof(struct lbrd_pool) == 64, "the pool of ABI 1");
_Static_assert(sizeof(struct lbrd_record) == 56 + 64 * 24, "the records of ABI 1");

static int open_program(const struct legacy *legacy, struct legacy_maps *ret)
{
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(legacy->link_fd, &info, &size))
		return -errno;
	if (info.type != BPF_LINK_TYPE_TRACING || info.prog_id != legacy->program_id)
		return -EBADMSG;
	ret->program_fd = bpf_prog_get_fd_by_id(info.prog_id);
	return ret->program_fd < 0 ? -errno : 0;
}

/* Takes over `fd` when the map is one of the three. */
static int sort_map(int fd, struct legacy_maps *ret)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		close_fd(fd);
		return -errno;
	}
	if (info.type == BPF_MAP_TYPE_RINGBUF && ret->ring_fd < 0) {
		ret->ring_fd = fd;
		ret->ring_id = info.id;
		ret->ring_bytes = info.max_entries;
	} else if (!strcmp(info.name, "lbrd_pool") && ret->pool_fd < 0) {
		ret->pool_fd = fd;
		ret->pool_id = info.id;
		ret->pool_bytes = info.value_size;
	} else if (!strcmp(info.name, "lbrd_control") && ret->control_fd < 0 &&
		   info.value_size == sizeof(struct lbrd_control)) {
		ret->control_fd = fd;
	} else {
		close_fd(fd);
	}
	return 0;
}

/* A tracer without branches takes no slot, and so has no pool. */
static bool is_whole(const struct legacy *legacy, const struct legacy_maps *maps)
{
	return maps->control_fd >= 0 && maps->ring_fd >= 0 &&
	       (maps->pool_fd >= 0) == !legacy->without_branches;
}

int legacy_open(const struct legacy *legacy, struct legacy_maps *ret)
{
	uint32_t ids[MAPS_MAX];
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids };
	uint32_t size = sizeof(info);
	int r;

	*ret = (struct legacy_maps){ -1, -1, -1, -1 };
	r = open_program(legacy, ret);
	if (r)
		return r;
	if (bpf_obj_get_info_by_fd(ret->program_fd, &info, &size))
		return -errno;
	for (uint32_t i = 0; i < MIN(info.nr_map_ids, (uint32_t)MAPS_MAX); i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			return -errno;
		r = sort_map(fd, ret);
		if (r)
			return r;
	}
	return is_whole(legacy, ret) ? 0 : -EBADMSG;
}

void legacy_maps_deinit(struct legacy_maps *maps)
{
	maps->program_fd = close_fd(maps->program_fd);
	maps->control_fd = close_fd(maps->control_fd);
	maps->ring_fd = close_fd(maps->ring_fd);
	maps->pool_fd = close_fd(maps->pool_fd);
}
