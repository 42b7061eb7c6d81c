/* SPDX-License-Identifier: Apache-2.0 */
/* How the guest's init and the host's supervisor talk over the one virtio-serial port. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum frame_type {
	FRAME_STDIN = 'i',	/* to the guest; no payload: end of file */
	FRAME_STDOUT = 'o',
	FRAME_STDERR = 'e',
	FRAME_STATUS = 's',	/* the guest's last: a 4-byte exit status as a shell would see it */
	FRAME_FAILED = 'f',	/* the guest's last: why the machine could not run the command */
};

#define FRAME_MAX 65536

struct frame_header {
	uint32_t type;
	uint32_t len;
};

/* Write all of it to a blocking fd; 0 or negative errno. */
static inline int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= n;
	}
	return 0;
}

static inline int frame_write(int fd, uint32_t type, const void *data, uint32_t len)
{
	struct {
		struct frame_header header;
		char payload[FRAME_MAX];
	} frame = { .header = { .type = type, .len = len } };

	if (len)
		memcpy(frame.payload, data, len);
	return write_all(fd, &frame, sizeof(frame.header) + len);
}
