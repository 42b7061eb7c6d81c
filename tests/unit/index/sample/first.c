/* SPDX-License-Identifier: Apache-2.0 */
/* Code whose lines and inlined functions are compared; it is never run. */
#include "shared.h"

volatile int sink;

static __attribute__((noinline, cold)) void give_up(int a)
{
	sink = a;
	__builtin_trap();
}

static __attribute__((noinline)) int rarely(int a)
{
	if (__builtin_expect(a > 1000, 0))
		give_up(outer(a, 1));
	return outer(a, a + 1);
}

int fold(int a, int b)
{
	switch (a & 7) {
	case 0:
		return middle(b);
	case 1:
		return rarely(b) + 1;
	case 2:
		return innermost(b) - 1;
	case 3:
		return twist(b);
	case 4:
		return outer(b, a);
	default:
		return a;
	}
}

#line 4000 "made/by a/generator.y"
int generated(int a)
{
	int b = innermost(a);

	return outer(b, a);
}

#line 49 "first.c"
int _start(void)
{
	return fold(sink, 1) + generated(sink);
}
