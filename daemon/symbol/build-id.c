/* SPDX-License-Identifier: Apache-2.0 */
/* Notes come from the running kernel, but are checked like anything with lengths in it. */
#include "daemon/symbol/build-id.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"

#define MAX_NOTES 4096 /* the kernel's are some 500 bytes */

static size_t padded(uint32_t size)
{
	return ((size_t)size + 3) & ~(size_t)3;
}

bool build_id_find(const void *notes, size_t size, struct build_id *ret)
{
	const char *p = notes;
	Elf64_Nhdr note;

	while (size >= sizeof(note)) {
		size_t name, length;

		memcpy(&note, p, sizeof(note));
		p += sizeof(note);
		size -= sizeof(note);
		name = padded(note.n_namesz);
		length = padded(note.n_descsz);
		if (name > size || length > size - name)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(p, "GNU", 4) &&
		    note.n_descsz && note.n_descsz <= sizeof(ret->bytes)) {
			memcpy(ret->bytes, p + name, note.n_descsz);
			ret->length = note.n_descsz;
			return true;
		}
		p += name + length;
		size -= name + length;
	}
	return false;
}

int build_id_read(const char *path, struct build_id *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char notes[MAX_NOTES];
	ssize_t n;

	ret->length = 0;
	if (fd < 0)
		return -errno;
	n = read(fd, notes, sizeof(notes));
	if (n < 0)
		return -errno;
	return build_id_find(notes, (size_t)n, ret) ? 0 : -ENOENT;
}

void build_id_format(const struct build_id *id, char *text)
{
	for (size_t i = 0; i < id->length; i++)
		text += sprintf(text, "%02x", id->bytes[i]);
	*text = '\0';
}
