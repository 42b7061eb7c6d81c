/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A software event that counts nothing, on each CPU, with ksymbol and bpf_event set: the kernel
 * writes its reports into the ring of the CPU it runs on. Modules are not among them.
 *
 * The rule that must not break: reports are handed up in the order in which they happened. What
 * frees memory and what takes it may run on two CPUs, so all rings are read until one pass over
 * them finds nothing new, and only then sorted by time.
 */
#include "daemon/symbol/sideband.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include "common/cleanup.h"
#include "common/macro.h"
#include "daemon/symbol/cpu-list.h"

/* Room for some 600 reports, several hundred loads at once, on one CPU. */
#define RING_PAGES 16
#define MAX_PASSES 64
#define MAX_REPORT 1024 /* KSYM_NAME_LEN is 512 */

struct ring {
	unsigned int cpu;
	int fd;
	struct perf_event_mmap_page *page;
};

/* A report that was copied out of its ring. */
struct held {
	uint64_t time;
	size_t offset; /* in bytes */
	size_t size;
};

struct sideband {
	/* An epoll of all rings: theirs come and go, which nobody who polls them would know. */
	int fd;
	struct ring *rings; /* by CPU */
	size_t n_rings;
	size_t page_size;

	char *bytes;
	size_t n_bytes;
	size_t capacity_bytes;
	struct held *held;
	size_t n_held;
	size_t capacity_held;
	uint64_t lost;
};

struct ksymbol_record {
	struct perf_event_header header;
	uint64_t address;
	uint32_t length;
	uint16_t type;
	uint16_t flags;
	char name[];
};

struct bpf_record {
	struct perf_event_header header;
	uint16_t type;
	uint16_t flags;
	uint32_t id;
	uint8_t tag[8];
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id;
	uint64_t lost;
};

static int open_event(unsigned int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.ksymbol = 1,
		.bpf_event = 1,
		.watermark = 1,
		.wakeup_watermark = 1, /* a program may be gone soon: wake us for each */
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static size_t ring_bytes(const struct sideband *sideband)
{
	return (1 + RING_PAGES) * sideband->page_size;
}

static void ring_close(const struct sideband *sideband, struct ring *ring)
{
	munmap(ring->page, ring_bytes(sideband));
	close(ring->fd);
}

static int ring_open(const struct sideband *sideband, unsigned int cpu, struct ring *ret)
{
	struct epoll_event readable = { .events = EPOLLIN };
	_cleanup_close_ int fd = open_event(cpu);
	void *page;

	if (fd < 0)
		return fd;
	page = mmap(NULL, ring_bytes(sideband), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	if (epoll_ctl(sideband->fd, EPOLL_CTL_ADD, fd, &readable) < 0) {
		munmap(page, ring_bytes(sideband));
		return -errno;
	}
	*ret = (struct ring){ .cpu = cpu, .fd = TAKE_FD(fd), .page = page };
	return 0;
}

/*
 * Opens the rings of the CPUs in `cpus` that have none and closes the others: *ret_changed. A CPU
 * that goes offline in between is no error.
 */
static int adopt_cpus(struct sideband *sideband, const struct cpu_list *cpus, bool *ret_changed)
{
	struct ring *rings = calloc(MAX(cpus->n, (size_t)1), sizeof(*rings));
	size_t n = 0, old = 0;
	int r = 0;

	*ret_changed = false;
	if (!rings)
		return -ENOMEM;
	for (size_t i = 0; i < cpus->n; i++) {
		while (old < sideband->n_rings && sideband->rings[old].cpu < cpus->cpus[i]) {
			ring_close(sideband, &sideband->rings[old++]);
			*ret_changed = true;
		}
		if (old < sideband->n_rings && sideband->rings[old].cpu == cpus->cpus[i]) {
			rings[n++] = sideband->rings[old++];
			continue;
		}
		r = ring_open(sideband, cpus->cpus[i], &rings[n]);
		if (r == 0) {
			*ret_changed = true;
			n++;
		} else if (r != -ENODEV) {
			break;
		}
		r = 0;
	}
	/* After a failure the rings that were not looked at stay. */
	while (r < 0 && old < sideband->n_rings && n < cpus->n)
		rings[n++] = sideband->rings[old++];
	for (; old < sideband->n_rings; old++) {
		ring_close(sideband, &sideband->rings[old]);
		*ret_changed = true;
	}
	free(sideband->rings);
	sideband->rings = rings;
	sideband->n_rings = n;
	return r;
}

int sideband_new(struct sideband **ret)
{
	struct sideband *sideband = calloc(1, sizeof(*sideband));
	struct cpu_list cpus = {};
	bool changed;
	int r;

	if (!sideband)
		return -ENOMEM;
	sideband->page_size = sysconf(_SC_PAGESIZE);
	sideband->fd = epoll_create1(EPOLL_CLOEXEC);
	if (sideband->fd < 0) {
		r = -errno;
		free(sideband);
		return r;
	}
	r = cpu_list_read_online(&cpus);
	if (r == 0)
		r = adopt_cpus(sideband, &cpus, &changed);
	cpu_list_deinit(&cpus);
	if (r < 0) {
		sideband_free(sideband);
		return r;
	}
	*ret = sideband;
	return 0;
}

void sideband_free(struct sideband *sideband)
{
	if (!sideband)
		return;
	for (size_t i = 0; i < sideband->n_rings; i++)
		ring_close(sideband, &sideband->rings[i]);
	close(sideband->fd);
	free(sideband->rings);
	free(sideband->bytes);
	free(sideband->held);
	free(sideband);
}

void sideband_forget_cpu(struct sideband *sideband, unsigned int cpu)
{
	for (size_t i = 0; i < sideband->n_rings; i++) {
		if (sideband->rings[i].cpu != cpu)
			continue;
		ring_close(sideband, &sideband->rings[i]);
		sideband->n_rings--;
		memmove(&sideband->rings[i], &sideband->rings[i + 1],
			(sideband->n_rings - i) * sizeof(*sideband->rings));
		return;
	}
}

bool sideband_follow_cpus(struct sideband *sideband)
{
	struct cpu_list cpus = {};
	bool changed = false;

	if (cpu_list_read_online(&cpus) == 0)
		adopt_cpus(sideband, &cpus, &changed);
	cpu_list_deinit(&cpus);
	return changed;
}

int sideband_fd(const struct sideband *sideband)
{
	return sideband->fd;
}

static uint64_t ring_head(const struct ring *ring)
{
	return __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
}

bool sideband_has_news(const struct sideband *sideband)
{
	for (size_t i = 0; i < sideband->n_rings; i++)
		if (ring_head(&sideband->rings[i]) != sideband->rings[i].page->data_tail)
			return true;
	return false;
}

static int parse_ksymbol(const struct ksymbol_record *record, size_t size, struct report *ret)
{
	size_t room = size > sizeof(*record) ? size - sizeof(*record) : 0;
	size_t length = strnlen(record->name, room);

	if (length == room)
		return -EBADMSG;
	ret->type = record->flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER ? REPORT_CODE_REMOVED :
									   REPORT_CODE_ADDED;
	ret->address = record->address;
	ret->length = record->length;
	ret->bpf = record->type == PERF_RECORD_KSYMBOL_TYPE_BPF;
	ret->name = record->name;
	return sizeof(*record) + (length + sizeof(uint64_t)) / sizeof(uint64_t) * sizeof(uint64_t);
}

static int parse_bpf_event(const struct bpf_record *record, size_t size, struct report *ret)
{
	if (size < sizeof(*record))
		return -EBADMSG;
	if (record->type != PERF_BPF_EVENT_PROG_LOAD && record->type != PERF_BPF_EVENT_PROG_UNLOAD)
		return 0;
	ret->type = record->type == PERF_BPF_EVENT_PROG_LOAD ? REPORT_PROGRAM_LOADED :
							       REPORT_PROGRAM_UNLOADED;
	ret->program_id = record->id;
	return sizeof(*record);
}

/*
 * The time stands behind the body (sample_id_all), and not always at the end: for each further
 * listener on the same CPU the kernel adds eight bytes of nothing to these two kinds of record.
 */
int sideband_parse(const void *data, size_t size, struct report *ret)
{
	const struct perf_event_header *header = data;
	int body = 0;

	*ret = (struct report){};
	if (size < sizeof(*header) || header->size != size)
		return -EBADMSG;
	if (header->type == PERF_RECORD_KSYMBOL)
		body = parse_ksymbol(data, size, ret);
	else if (header->type == PERF_RECORD_BPF_EVENT)
		body = parse_bpf_event(data, size, ret);
	if (body <= 0)
		return body;
	if (size < body + sizeof(ret->time))
		return -EBADMSG;
	memcpy(&ret->time, (const char *)data + body, sizeof(ret->time));
	return 1;
}

/* Room for one more record of `size` bytes; NULL: no memory. */
static char *make_room(struct sideband *sideband, size_t size)
{
	if (sideband->n_bytes + size > sideband->capacity_bytes) {
		size_t capacity = MAX(2 * sideband->capacity_bytes, (size_t)65536);
		char *grown = realloc(sideband->bytes, capacity);

		if (!grown)
			return NULL;
		sideband->bytes = grown;
		sideband->capacity_bytes = capacity;
	}
	if (sideband->n_held == sideband->capacity_held) {
		size_t capacity = MAX(2 * sideband->capacity_held, (size_t)256);
		struct held *grown = reallocarray(sideband->held, capacity, sizeof(*grown));

		if (!grown)
			return NULL;
		sideband->held = grown;
		sideband->capacity_held = capacity;
	}
	return sideband->bytes + sideband->n_bytes;
}

static void copy_out(const struct sideband *sideband, const struct ring *ring, uint64_t position,
		void *to, size_t size)
{
	size_t room = RING_PAGES * sideband->page_size, offset = position & (room - 1);
	const char *data = (const char *)ring->page + sideband->page_size;
	size_t first = MIN(size, room - offset);

	memcpy(to, data + offset, first);
	memcpy((char *)to + first, data, size - first);
}

static void hold_record(struct sideband *sideband, const struct ring *ring, uint64_t position,
		size_t size)
{
	char *record = make_room(sideband, size);
	struct perf_event_header header;
	struct report report;

	if (!record) {
		sideband->lost++;
		return;
	}
	copy_out(sideband, ring, position, record, size);
	memcpy(&header, record, sizeof(header));
	if (header.type == PERF_RECORD_LOST && size >= sizeof(struct lost_record)) {
		struct lost_record lost;

		memcpy(&lost, record, sizeof(lost));
		sideband->lost += MAX(lost.lost, 1u);
		return;
	}
	if (sideband_parse(record, size, &report) <= 0)
		return;
	sideband->held[sideband->n_held++] = (struct held){
		.time = report.time,
		.offset = sideband->n_bytes,
		.size = size,
	};
	sideband->n_bytes += (size + 7) & ~(size_t)7;
}

/* Whether the ring had anything. */
static bool ring_read(struct sideband *sideband, const struct ring *ring)
{
	uint64_t head = ring_head(ring), tail = ring->page->data_tail;

	if (head == tail)
		return false;
	/* The kernel tells of a loss only with the next report that finds room, maybe never. */
	if (head - tail > RING_PAGES * sideband->page_size - MAX_REPORT)
		sideband->lost++;
	while (head - tail >= sizeof(struct perf_event_header)) {
		struct perf_event_header header;

		copy_out(sideband, ring, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail) {
			sideband->lost++; /* out of step: nothing behind can be read */
			break;
		}
		hold_record(sideband, ring, tail, header.size);
		tail += header.size;
	}
	__atomic_store_n(&ring->page->data_tail, head, __ATOMIC_RELEASE);
	return true;
}

static int compare_held(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->offset < y->offset ? -1 : 1;
}

uint64_t sideband_drain(struct sideband *sideband, report_fn fn, void *userdata)
{
	bool more = true;
	uint64_t lost;

	for (unsigned int pass = 0; more && pass < MAX_PASSES; pass++) {
		more = false;
		for (size_t i = 0; i < sideband->n_rings; i++)
			more |= ring_read(sideband, &sideband->rings[i]);
	}
	if (sideband->n_held)
		qsort(sideband->held, sideband->n_held, sizeof(*sideband->held), compare_held);
	for (size_t i = 0; i < sideband->n_held; i++) {
		const struct held *held = &sideband->held[i];
		struct report report;

		if (sideband_parse(sideband->bytes + held->offset, held->size, &report) > 0)
			fn(&report, userdata);
	}
	sideband->n_held = sideband->n_bytes = 0;
	lost = sideband->lost;
	sideband->lost = 0;
	return lost;
}
