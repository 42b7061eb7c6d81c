/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded (LD_PRELOAD), it lets one allocation fail: the one at which the number in the shared
 * file named by FAIL_ALLOC is counted down to 0, whoever makes it. While it is 0 all succeed.
 *
 * The rule that must not break: what is handed on goes to whoever would have been called without
 * it, the address sanitizer included.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int64_t *left; /* shared with who decides; NULL: not yet */

__attribute__((constructor)) static void open_file(void)
{
	const char *path = getenv("FAIL_ALLOC");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = fd < 0 ? MAP_FAILED :
		mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mapped != MAP_FAILED)
		left = mapped;
	close(fd);
}

static bool fails(void)
{
	int64_t now = left ? __atomic_load_n(left, __ATOMIC_RELAXED) : 0;

	while (now > 0 && !__atomic_compare_exchange_n(left, &now, now - 1, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if (now != 1)
		return false;
	errno = ENOMEM;
	return true;
}

/* The function of that name that comes behind this one, looked up once. */
#define NEXT(function) \
	static typeof(&function) next; \
	if (!next) \
		next = (typeof(&function))dlsym(RTLD_NEXT, #function)

void *malloc(size_t size)
{
	NEXT(malloc);
	return fails() ? NULL : next(size);
}

void *calloc(size_t n, size_t size)
{
	NEXT(calloc);
	return fails() ? NULL : next(n, size);
}

void *realloc(void *memory, size_t size)
{
	NEXT(realloc);
	return fails() ? NULL : next(memory, size);
}

void *reallocarray(void *memory, size_t n, size_t size)
{
	NEXT(reallocarray);
	return fails() ? NULL : next(memory, n, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	NEXT(aligned_alloc);
	return fails() ? NULL : next(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	NEXT(posix_memalign);
	return fails() ? ENOMEM : next(ret, alignment, size);
}

char *strdup(const char *text)
{
	NEXT(strdup);
	return fails() ? NULL : next(text);
}

char *strndup(const char *text, size_t size)
{
	NEXT(strndup);
	return fails() ? NULL : next(text, size);
}
