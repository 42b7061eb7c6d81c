/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules are compressed with gzip, xz or zstd. libdw unpacks the first two; the third only where
 * it was built so, which Debian 12 does not.
 */
#include "daemon/index-builder/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "common/cleanup.h"
#include "daemon/index-builder/memory.h"

static bool is_zstd(int fd)
{
	static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
	uint8_t start[4];

	return pread(fd, start, sizeof(start), 0) == sizeof(start) &&
			memcmp(start, magic, sizeof(magic)) == 0;
}

#ifdef HAVE_ZSTD
#define MOST (UINT64_C(1) << 31) /* no module is larger; some garbage unpacks to anything */

struct unpacker {
	ZSTD_DStream *stream;
	uint8_t in[1 << 17];
	uint8_t out[1 << 17];
	uint64_t written;
};

/* All that can be made of what is in `in`; false: damaged, or too large. */
static bool unpack_some(struct unpacker *u, size_t n, int to, bool *ret_whole)
{
	ZSTD_inBuffer in = {u->in, n, 0};

	while (in.pos < in.size) {
		ZSTD_outBuffer out = {u->out, sizeof(u->out), 0};
		size_t left = ZSTD_decompressStream(u->stream, &out, &in);

		if (ZSTD_isError(left) || u->written + out.pos > MOST)
			return false;
		for (size_t at = 0; at < out.pos;) {
			ssize_t k = write(to, u->out + at, out.pos - at);

			if (k < 0)
				fail(EXIT_FAILED, "cannot unpack: %s", strerror(errno));
			at += k;
		}
		u->written += out.pos;
		*ret_whole = left == 0;
	}
	return true;
}

static int unpack(int fd, const char *path)
{
	_cleanup_close_ int to = memfd_create("unpacked", MFD_CLOEXEC);
	_cleanup_free_ struct unpacker *u = malloc(sizeof(*u));
	bool whole = false, good = true;
	ssize_t n;

	if (to < 0 || !u || !(u->stream = ZSTD_createDStream()))
		fail(EXIT_FAILED, "out of memory");
	u->written = 0;
	while (good && (n = read(fd, u->in, sizeof(u->in))) > 0)
		good = unpack_some(u, n, to, &whole);
	ZSTD_freeDStream(u->stream);
	if (good && whole)
		return TAKE_FD(to);
	complain("%s: damaged", path);
	return -1;
}
#else
static int unpack(int fd, const char *path)
{
	complain("%s: compressed with zstd, which this lbrd-index cannot read", path);
	return -1;
}
#endif

int unpack_file(int fd, const char *path)
{
	int unpacked = fd;

	lseek(fd, 0, SEEK_SET);
	if (!is_zstd(fd))
		return fd;
	unpacked = unpack(fd, path);
	close(fd);
	return unpacked;
}
