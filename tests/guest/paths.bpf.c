/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A target whose way is known to the last branch, whatever the compiler: both functions are
 * written in BPF assembler, one instruction to a statement and to a line, so the source decides
 * which jump is taken. A comment of the form "@name" marks a line; paths.py says, by these names,
 * which rows each packet must give.
 *
 * The first bytes of the packet steer: [0] the condition, [1] the subprogram's argument (0: it is
 * not called), [2] whether the helper is called, [3] the rounds of the loop (0 to 7), [4] the
 * switch.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Everything lives in registers that the compiler is told to keep its hands off. */
#define I(instruction) \
	asm volatile(instruction ::: "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", \
		     "memory")

/* Doubles its argument, but makes 9 of 4. */
__attribute__((noinline)) static int paths_sub(long value)
{
	register int result asm("r0");

	asm volatile("r2 = %0" ::"r"(value) : "r2"); /* @sub_entry */
	I("r3 = r2");
	I("if r2 != 4 goto paths_sub_other"); /* @sub_condition: taken for all but 4 */
	I("r3 = 9");
	I("goto paths_sub_end"); /* @sub_jump: taken for 4 */
	I("paths_sub_other: r3 += r2"); /* @sub_other */
	I("paths_sub_end: r0 = r3"); /* @sub_end */
	asm volatile("" : "=r"(result));
	return result; /* @sub_exit */
}

SEC("xdp")
int paths(struct xdp_md *ctx)
{
	register int result asm("r0");

	asm volatile("r6 = %0" ::"r"(ctx) : "r6");
	I("r7 = *(u32 *)(r6 + 4)");
	I("r6 = *(u32 *)(r6 + 0)");
	I("r8 = 0x100");
	I("r0 = r6");
	I("r0 += 14");
	I("if r0 > r7 goto paths_end"); /* @bounds: never taken, no packet is that short */

	I("r1 = *(u8 *)(r6 + 0)");
	I("if r1 == 0 goto paths_zero"); /* @condition: taken for 0 */
	I("r8 += 0x10");
	I("goto paths_joined"); /* @not_zero: taken for all but 0 */
	I("paths_zero: r8 += 0x20"); /* @zero */
	I("paths_joined: r1 = *(u8 *)(r6 + 1)"); /* @joined */

	I("if r1 == 0 goto paths_no_call"); /* @call_condition: taken for 0 */
	asm volatile("call %0" ::"i"(paths_sub) : "r0", "r1", "r2", "r3", "r4", "r5"); /* @call */
	I("r8 += r0"); /* @call_return */
	I("paths_no_call: r1 = *(u8 *)(r6 + 2)"); /* @no_call */

	I("if r1 == 0 goto paths_no_helper"); /* @helper_condition: taken for 0 */
	I("call 42"); /* @helper: bpf_get_numa_node_id, which has no branch of its own */
	I("r8 += 0x1000"); /* @helper_return */
	I("paths_no_helper: r2 = *(u8 *)(r6 + 3)"); /* @no_helper */

	I("r2 &= 7");
	I("r1 = 0");
	I("if r2 == 0 goto paths_no_loop"); /* @loop_condition: taken for 0 */
	I("paths_loop: r8 += 0x10000"); /* @loop_body */
	I("r1 += 1");
	I("if r1 < r2 goto paths_loop"); /* @loop_test: taken after every round but the last */
	I("paths_no_loop: r1 = *(u8 *)(r6 + 4)"); /* @no_loop */

	I("if r1 == 1 goto paths_one"); /* @switch_one */
	I("if r1 == 2 goto paths_two"); /* @switch_two */
	I("goto paths_end"); /* @switch_other */
	I("paths_one: r8 += 1"); /* @one */
	I("goto paths_end"); /* @one_end */
	I("paths_two: r8 += 2"); /* @two */
	I("paths_end: r0 = r8"); /* @end */
	asm volatile("" : "=r"(result));
	return result; /* @exit */
}

char _license[] SEC("license") = "Dual BSD/GPL";
