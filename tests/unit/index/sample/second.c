/* SPDX-License-Identifier: Apache-2.0 */
/* The other unit: its functions are called, and with LTO inlined, across files. */
#include "shared.h"

__attribute__((section(".text.other"))) int elsewhere(int a)
{
	return outer(a, sink);
}

int twist(int a)
{
#if defined(__GNUC__) && !defined(__clang__)
	int within(int b)
	{
		return innermost(b) + a;
	}

	return within(a) + within(a + 1) + elsewhere(a);
#else
	return innermost(a) + elsewhere(a);
#endif
}
