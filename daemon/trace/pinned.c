// SPDX-License-Identifier: Apache-2.0
/*
 * See pinned.h. The kind of object is read from the descriptor's fdinfo: asked for information on
 * a map, the kernel would fill in a map's and never say so.
 */
#include "daemon/trace/pinned.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/cleanup.h"

/*
 * For reading, which CAP_DAC_READ_SEARCH is enough for. A link the kernel gives out for reading and
 * writing only (bpf_obj_get_user()).
 */
static int open_object(const char *path)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = BPF_F_RDONLY);
	int fd = bpf_obj_get_opts(path, &options);

	return fd < 0 && errno == EINVAL ? bpf_obj_get(path) : fd;
}

int pinned_program(const char *path, uint32_t *ret)
{
	_cleanup_close_ int fd = open_object(path);
	_cleanup_fclose_ FILE *file = NULL;
	char name[64], line[128];

	if (fd < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	file = fopen(name, "re");
	if (!file)
		return -errno;
	/* Of a program and of a link alike. */
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "prog_id: %" SCNu32, ret) == 1)
			return 0;
	return -EINVAL;
}
