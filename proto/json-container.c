/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passes a container at a few instructions for every sixteen bytes: a client that wants one member
 * of an event pays little for the others. Brackets are counted, not matched by kind.
 */
#include "proto/json-reader.h"

#define BLOCK 16

struct nesting {
	size_t depth;
	bool in_string;
};

/*
 * Byte by byte up to `limit`, or one byte further for the second half of an escape. Returns where
 * it stopped, which is the byte behind the container when the depth is 0.
 */
static const char *walk_bytes(const char *p, const char *limit, struct nesting *nesting)
{
	for (; p < limit; p++) {
		if (nesting->in_string) {
			if (*p == '\\')
				p++;
			else if (*p == '"')
				nesting->in_string = false;
		} else if (*p == '"') {
			nesting->in_string = true;
		} else if (*p == '{' || *p == '[') {
			nesting->depth++;
		} else if ((*p == '}' || *p == ']') && --nesting->depth == 0) {
			return p + 1;
		}
	}
	return p;
}

#ifdef __SSE2__

static inline uint32_t mask_of(__m128i bytes, char c)
{
	return _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

/* There are few, and without its own instruction the builtin is a call. */
static inline unsigned int count_bits(uint32_t mask)
{
	unsigned int n = 0;

	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

/* A whole block without a backslash. NULL: it has one, or the container may end in it. */
static inline const char *walk_block(const char *p, struct nesting *nesting)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)p);
	/* One bit apart: '[' and '{', ']' and '}'. */
	__m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
	uint32_t opening, closing, strings = mask_of(bytes, '"');

	if (mask_of(bytes, '\\'))
		return NULL;
	/* From each quote on all bits flip: what remains set lies inside of strings. */
	strings ^= strings << 1;
	strings ^= strings << 2;
	strings ^= strings << 4;
	strings ^= strings << 8;
	if (nesting->in_string)
		strings = ~strings;
	opening = mask_of(folded, '{') & ~strings;
	closing = mask_of(folded, '}') & ~strings;
	if (opening | closing) {
		size_t n_closing = count_bits(closing);

		if (n_closing >= nesting->depth)
			return NULL;
		nesting->depth += count_bits(opening) - n_closing;
	}
	nesting->in_string = strings >> (BLOCK - 1) & 1;
	return p + BLOCK;
}

#else

static inline const char *walk_block(const char *p, struct nesting *nesting)
{
	return NULL;
}

#endif

const char *json_container_end(const char *p, const char *end)
{
	struct nesting nesting = { .depth = 1 };

	for (p++; p < end;) {
		const char *next = end - p >= BLOCK ? walk_block(p, &nesting) : NULL;

		if (!next)
			next = walk_bytes(p, end - p >= BLOCK ? p + BLOCK : end, &nesting);
		if (nesting.depth == 0)
			return next;
		p = next;
	}
	return NULL;
}
