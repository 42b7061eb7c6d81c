/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound release of what a function acquires. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/*
 * Defines `function##_p`, which releases what the annotated variable holds at the end of its
 * scope: `_cleanup_(foo_free_p) struct foo *foo = NULL;`. `function` must accept NULL.
 */
#define DEFINE_CLEANUP(type, function) \
	static inline void function##_p(type *p) \
	{ \
		function(*p); \
	}

static inline void free_p(void *p)
{
	free(*(void **)p);
}

/* -1 means "holds no descriptor" everywhere in this project. */
static inline int close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

static inline void close_fd_p(int *fd)
{
	close_fd(*fd);
}

static inline void fclose_p(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ _cleanup_(free_p)
#define _cleanup_close_ _cleanup_(close_fd_p)
#define _cleanup_fclose_ _cleanup_(fclose_p)

/* Hands the value on and forgets it, so that the cleanup of the variable does nothing. */
#define TAKE_PTR(p) \
	({ \
		__typeof__(p) *_pp = &(p); \
		__typeof__(p) _taken = *_pp; \
		*_pp = NULL; \
		_taken; \
	})

#define TAKE_FD(fd) \
	({ \
		int *_pfd = &(fd); \
		int _taken = *_pfd; \
		*_pfd = -1; \
		_taken; \
	})
