/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks an iterator in the kernel (bpf/holders.bpf.c) for the descriptors of the process and for our
 * own. Two of ours are the iterator's program and its link: whatever of the process is of their
 * kind is a program or a link, and only of these the id is looked at.
 */
#include "daemon/trace/owner.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/holder.h"
#include "common/cleanup.h"
#include "common/macro.h"

static const unsigned char object_bytes[] __attribute__((aligned(8))) = {
#include "bpf/holders-bytes.h"
};

DEFINE_CLEANUP(struct bpf_object *, bpf_object__close)

static void link_destroy(struct bpf_link **link)
{
	bpf_link__destroy(*link);
}

struct holders {
	struct lbrd_holder *items;
	size_t n;
};

static void holders_deinit(struct holders *holders)
{
	free(holders->items);
}

static int load(pid_t pid, struct bpf_object **ret)
{
	_cleanup_(bpf_object__close_p) struct bpf_object *object =
		bpf_object__open_mem(object_bytes, sizeof(object_bytes), NULL);
	const uint32_t wanted[] = {getpid(), pid};
	struct bpf_map *constants;
	int r;

	if (!object)
		return -errno;
	constants = bpf_object__next_map(object, NULL);
	r = bpf_map__set_initial_value(constants, wanted, sizeof(wanted));
	if (r == 0)
		r = bpf_object__load(object);
	if (r == 0)
		*ret = TAKE_PTR(object);
	return r;
}

static int read_all(int fd, struct holders *holders)
{
	struct lbrd_holder buffer[64];
	ssize_t n;

	/* What one read delivers is made of whole records. */
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		size_t count = n / sizeof(buffer[0]);
		struct lbrd_holder *grown = reallocarray(holders->items, holders->n + count,
				sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		holders->items = grown;
		for (size_t i = 0; i < count; i++)
			grown[holders->n++] = buffer[i];
	}
	return n < 0 ? -errno : 0;
}

static uint64_t operations_of(const struct holders *holders, pid_t pid, int fd)
{
	for (size_t i = 0; i < holders->n; i++)
		if (holders->items[i].pid == (uint32_t)pid && holders->items[i].fd == (uint32_t)fd)
			return holders->items[i].operations;
	return 0;
}

static void add_once(uint32_t *ids, size_t *n, uint32_t id)
{
	for (size_t i = 0; i < *n; i++)
		if (ids[i] == id)
			return;
	ids[(*n)++] = id;
}

static int collect(const struct holders *holders, pid_t pid, uint64_t program, uint64_t link,
		uint32_t **ret, size_t *ret_n)
{
	uint32_t *ids = calloc(holders->n + 1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	*ret_n = 0;
	for (size_t i = 0; i < holders->n; i++) {
		const struct lbrd_holder *holder = &holders->items[i];

		if (holder->pid != (uint32_t)pid)
			continue;
		if (holder->operations == program)
			add_once(ids, ret_n, holder->as_program);
		else if (holder->operations == link && holder->as_link)
			add_once(ids, ret_n, holder->as_link);
	}
	*ret = ids;
	return 0;
}

int owner_programs(pid_t pid, uint32_t **ret, size_t *ret_n)
{
	_cleanup_(bpf_object__close_p) struct bpf_object *object = NULL;
	_cleanup_(holders_deinit) struct holders holders = {};
	_cleanup_(link_destroy) struct bpf_link *link = NULL;
	_cleanup_close_ int fd = -1;
	struct bpf_program *program;
	int r;

	/* Nobody is signalled; EPERM says that there is somebody. */
	if (kill(pid, 0) < 0 && errno == ESRCH)
		return -ENOENT;
	r = load(pid, &object);
	if (r < 0)
		return r;
	program = bpf_object__next_program(object, NULL);
	link = bpf_program__attach_iter(program, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return -errno;
	r = read_all(fd, &holders);
	if (r < 0)
		return r;
	return collect(&holders, pid, operations_of(&holders, getpid(), bpf_program__fd(program)),
			operations_of(&holders, getpid(), bpf_link__fd(link)), ret, ret_n);
}
