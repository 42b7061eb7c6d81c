/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the bytes of a string that matter to JSON, several at a time: nearly all bytes of an event
 * are inside of strings. SSE2 is part of every x86-64; elsewhere eight bytes in a register do it.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#define SCAN_WIDTH 16
#else
#define SCAN_WIDTH 8
#define SCAN_ONES 0x0101010101010101ull
#define SCAN_HIGH_BITS 0x8080808080808080ull
#endif

/* Index of the first quote or backslash among the SCAN_WIDTH bytes at `p`; SCAN_WIDTH if none. */
static inline unsigned int scan_block_for_string_end(const char *p)
{
#ifdef __SSE2__
	__m128i x = _mm_loadu_si128((const __m128i *)p);
	__m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));

	return __builtin_ctz(_mm_movemask_epi8(_mm_or_si128(quote, backslash)) | 1u << SCAN_WIDTH);
#else
	uint64_t x, quote, backslash, found;

	memcpy(&x, p, sizeof(x));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	/* Of the bits that come up the lowest is always right. */
	quote = x ^ SCAN_ONES * '"';
	backslash = x ^ SCAN_ONES * '\\';
	found = (((quote - SCAN_ONES) & ~quote) | ((backslash - SCAN_ONES) & ~backslash)) &
		SCAN_HIGH_BITS;
	return found ? __builtin_ctzll(found) / 8 : SCAN_WIDTH;
#endif
}

/*
 * Index of the first byte at `p` that a string cannot hold as it is, or that must be checked:
 * control characters, quote, backslash, all that is not ASCII; SCAN_WIDTH if none.
 */
static inline unsigned int scan_block_for_escapes(const char *p)
{
#ifdef __SSE2__
	__m128i x = _mm_loadu_si128((const __m128i *)p);
	__m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
	/* Signed: what is not ASCII is below zero. */
	__m128i control = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));
	__m128i found = _mm_or_si128(_mm_or_si128(quote, backslash), control);

	return __builtin_ctz(_mm_movemask_epi8(found) | 1u << SCAN_WIDTH);
#else
	uint64_t x, found;

	memcpy(&x, p, sizeof(x));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	found = (x | (x - SCAN_ONES * 0x20) | ((x ^ SCAN_ONES * '"') - SCAN_ONES) |
			((x ^ SCAN_ONES * '\\') - SCAN_ONES)) & SCAN_HIGH_BITS;
	return found ? __builtin_ctzll(found) / 8 : SCAN_WIDTH;
#endif
}

/* The first quote or backslash from `p` on; `end` when there is none. */
static inline const char *scan_for_string_end(const char *p, const char *end)
{
	while (end - p >= SCAN_WIDTH) {
		unsigned int n = scan_block_for_string_end(p);

		p += n;
		if (n < SCAN_WIDTH)
			return p;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* The first byte from `p` on of those scan_block_for_escapes() looks for; `end` when none. */
static inline const char *scan_for_escapes(const char *p, const char *end)
{
	while (end - p >= SCAN_WIDTH) {
		unsigned int n = scan_block_for_escapes(p);

		p += n;
		if (n < SCAN_WIDTH)
			return p;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
			*p != '\\')
		p++;
	return p;
}
