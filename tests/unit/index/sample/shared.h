/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that both files of the sample inline. */
#pragma once

#define ALWAYS static inline __attribute__((always_inline))

extern volatile int sink;

int twist(int a);
int fold(int a, int b);
int generated(int a);
int elsewhere(int a);
int _start(void);

ALWAYS int innermost(int a)
{
	sink = a;
	return a * 3 + sink;
}

ALWAYS int middle(int a)
{
	int sum = 0;

	for (int i = 0; i < a; i++) {
		if (sink > i)
			sum += innermost(i);
		else
			sum -= twist(i);
	}
	return sum;
}

ALWAYS int outer(int a, int b)
{
	return middle(a) + middle(b) +
		innermost(a ^ b);
}
