// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the ring buffer by its mapped pages (Documentation/bpf/ringbuf.rst): a page with our
 * position, a page with the kernel's, then the data. libbpf's consumer goes on until the ring is
 * empty, which a target that fires all the time can prevent for ever; this one takes turns.
 *
 * Taking records and giving their place back are two steps, so that what was taken but not dealt
 * with is still there for a process that comes after this one.
 *
 * The rule that must not break: a record is read only after its header was loaded with acquire and
 * found complete, and its place is given back with release only after the callback returned.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "daemon/trace/ring.h"

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t record_bytes(uint32_t length)
{
	return (length + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
}

static int ring_map(struct ring *ring)
{
	size_t page = page_size();
	unsigned char *mapped;

	mapped = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	ring->consumer = (uint64_t *)mapped;

	mapped = mmap(NULL, page + 2 * ring->bytes, PROT_READ, MAP_SHARED, ring->fd, (off_t)page);
	if (mapped == MAP_FAILED)
		return -errno;
	ring->producer = (const uint64_t *)mapped;
	ring->data = mapped + page;
	return 0;
}

int ring_init(struct ring *ring, size_t bytes)
{
	*ring = (struct ring){ .fd = -1, .bytes = page_size() };
	while (ring->bytes < bytes)
		ring->bytes *= 2;
	ring->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "lbrd_ring", 0, 0, ring->bytes, NULL);
	return ring->fd < 0 ? -errno : ring_map(ring);
}

static uint32_t header_at(const struct ring *ring, uint64_t position)
{
	const unsigned char *at = ring->data + (position & (ring->bytes - 1));

	return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
}

int ring_adopt(struct ring *ring, int fd, size_t bytes, uint64_t position)
{
	uint64_t producer;
	int r;

	*ring = (struct ring){ .fd = fd, .bytes = bytes };
	r = ring_map(ring);
	if (r)
		return r;
	producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	ring->position = *ring->consumer;
	while (ring->position < position && ring->position < producer) {
		uint32_t length = header_at(ring, ring->position);

		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		ring->position += record_bytes(length & ~BPF_RINGBUF_DISCARD_BIT);
	}
	return ring->position == position ? 0 : -EBADMSG;
}

void ring_deinit(struct ring *ring)
{
	size_t page = page_size();

	if (ring->consumer)
		munmap(ring->consumer, page);
	if (ring->producer)
		munmap((void *)ring->producer, page + 2 * ring->bytes);
	ring->fd = close_fd(ring->fd);
	ring->consumer = NULL;
	ring->producer = NULL;
}

size_t ring_drain(struct ring *ring, size_t max,
		void (*record)(const void *data, size_t length, void *userdata), void *userdata)
{
	size_t n = 0;

	while (n < max && ring->position < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
		const unsigned char *at = ring->data + (ring->position & (ring->bytes - 1));
		uint32_t length = header_at(ring, ring->position);

		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
			record(at + BPF_RINGBUF_HDR_SZ, length, userdata);
			n++;
		}
		ring->position += record_bytes(length & ~BPF_RINGBUF_DISCARD_BIT);
	}
	return n;
}

void ring_release(struct ring *ring)
{
	__atomic_store_n(ring->consumer, ring->position, __ATOMIC_RELEASE);
}

size_t ring_used(const struct ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) - ring->position;
}
