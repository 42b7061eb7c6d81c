/* SPDX-License-Identifier: GPL-2.0 */
/* Just enough of the x86-64 instruction format to tell branches apart, and our requests. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lbr-shared.h"

/* What the instruction does to the flow of control, after its prefixes. */
static inline enum lbr_kind decode_kind(const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size;
	uint8_t op, modrm;

	/* lock, repne, rep, segments (notrack, branch hints), operand and address size, then REX */
	while (p < end && (*p == 0xf0 || *p == 0xf2 || *p == 0xf3 || *p == 0x2e || *p == 0x36 ||
			   *p == 0x3e || *p == 0x26 || *p == 0x64 || *p == 0x65 || *p == 0x66 ||
			   *p == 0x67))
		p++;
	if (p < end && (*p & 0xf0) == 0x40)
		p++;
	if (p >= end)
		return LBR_NONE;
	op = *p++;
	modrm = p < end ? *p : 0;
	switch (op) {
	case 0x70 ... 0x7f:	/* jcc */
	case 0xe0 ... 0xe3:	/* loop, jrcxz */
		return LBR_COND;
	case 0xe9:
	case 0xeb:
		return LBR_JMP;
	case 0xe8:
		return LBR_CALL;
	case 0xc2:
	case 0xc3:
	case 0xca:		/* far */
	case 0xcb:
		return LBR_RET;
	case 0xcf:
		return LBR_IRET;
	case 0xcc:
	case 0xcd:
	case 0xf1:
		return LBR_INT;
	case 0xff:
		switch (modrm >> 3 & 7) {
		case 2:
		case 3:
			return LBR_IND_CALL;
		case 4:
		case 5:
			return LBR_IND_JMP;
		}
		return LBR_NONE;
	case 0x0f:
		if ((modrm & 0xf0) == 0x80)
			return LBR_COND;
		if (modrm == 0x05 || modrm == 0x34)
			return LBR_SYSCALL;
		if (modrm == 0x07 || modrm == 0x35)
			return LBR_SYSRET;
		return LBR_NONE;
	}
	return LBR_NONE;
}

/* The guest's request in this instruction, 0 for none. Only the kernel may ask. */
static inline unsigned int decode_request(const uint8_t *p, size_t size, uint64_t address)
{
	uint32_t displacement;

	if (size != 7 || !(address >> 63) || p[0] != 0x0f || p[1] != 0x1f || p[2] != 0x80)
		return 0;
	memcpy(&displacement, p + 3, sizeof(displacement));
	return (displacement & 0xffffff00) == LBR_MAGIC ? displacement & 0xff : 0;
}
