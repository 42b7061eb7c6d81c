/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions of the unit tests: the first that fails says where and what, and ends the test. */
#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)

#define CHECK_EQ(a, b) \
	do { \
		long long _a = (long long)(a), _b = (long long)(b); \
		if (_a != _b) { \
			fprintf(stderr, "%s:%d: %s is %lld (0x%llx), %s is %lld (0x%llx)\n", \
					__FILE__, __LINE__, #a, _a, _a, #b, _b, _b); \
			exit(1); \
		} \
	} while (0)

#define CHECK_STR(a, b) \
	do { \
		const char *_a = (a), *_b = (b); \
		if (!_a || !_b || strcmp(_a, _b)) { \
			fprintf(stderr, "%s:%d: %s is \"%s\", %s is \"%s\"\n", __FILE__, \
					__LINE__, #a, _a ? _a : "(null)", #b, _b ? _b : "(null)"); \
			exit(1); \
		} \
	} while (0)
