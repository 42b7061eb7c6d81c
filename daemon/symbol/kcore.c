/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/kcore is an ELF core file whose segments are the kernel's address ranges. It is opened for
 * every read: its segments change with the memory, and an open descriptor would keep a privilege
 * that the daemon may have given up.
 */
#include "daemon/symbol/kcore.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

static int read_all(int fd, void *buffer, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buffer + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EFAULT || errno == EIO ? -ENXIO : -errno;
		if (n == 0)
			return -ENXIO;
		done += n;
	}
	return 0;
}

static int check_header(const Elf64_Ehdr *header)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_type != ET_CORE ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_phentsize != sizeof(Elf64_Phdr))
		return -EBADMSG;
	return 0;
}

static bool covers(const Elf64_Phdr *segment, uint64_t address, size_t size)
{
	return segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
	       address - segment->p_vaddr <= segment->p_memsz &&
	       size <= segment->p_memsz - (address - segment->p_vaddr);
}

/* Where the file has the address; several segments may, and show the same. */
static int find_offset(int fd, uint64_t address, size_t size, uint64_t *ret)
{
	Elf64_Ehdr header;
	int r = read_all(fd, &header, sizeof(header), 0);

	if (r == 0)
		r = check_header(&header);
	if (r < 0)
		return r == -ENXIO ? -EBADMSG : r;
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;

		r = read_all(fd, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment));
		if (r < 0)
			return r == -ENXIO ? -EBADMSG : r;
		if (!covers(&segment, address, size))
			continue;
		*ret = segment.p_offset + (address - segment.p_vaddr);
		return 0;
	}
	return -ENXIO;
}

/* Where nothing is mapped, the kernel shows zeroes, which are no code. */
static bool is_empty(const unsigned char *bytes, size_t size)
{
	return size && !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

/*
 * Privilege is asked for when it is opened, not when it is read (open_kcore() in the kernel's
 * fs/proc/kcore.c): so whoever starts lbrd may do that in its stead, and lbrd go without.
 */
static int open_memory(const char *path)
{
	char target[64];
	ssize_t n = readlink("/proc/self/fd/0", target, sizeof(target));

	if (n == (ssize_t)strlen(path) && !memcmp(target, path, n))
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int kcore_read(const char *path, uint64_t address, void *buffer, size_t size)
{
	_cleanup_close_ int fd = open_memory(path);
	uint64_t offset;
	int r;

	if (fd < 0)
		return -errno;
	r = find_offset(fd, address, size, &offset);
	if (r == 0)
		r = read_all(fd, buffer, size, offset);
	if (r == 0 && is_empty(buffer, size))
		r = -ENXIO;
	return r;
}
