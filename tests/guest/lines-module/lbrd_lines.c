// SPDX-License-Identifier: GPL-2.0
/*
 * A module whose way is known: what is written to its parameter "run" is the path of a pinned
 * socket filter, which it calls between two calls into the kernel proper. A comment of the form
 * "@name" marks a line; lines.py says, by these names, which rows there must be.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/skbuff.h>

static int step = 3;
module_param(step, int, 0644);

/* Two functions deep into the one that is called. */
static __always_inline int innermost(int value)
{
	if (READ_ONCE(step) == value) /* @innermost: taken or not, it is a branch of this line */
		WRITE_ONCE(step, value + 1);
	return value;
}

static __always_inline int inner(int value)
{
	int result = innermost(value); /* @inner */

	OPTIMIZER_HIDE_VAR(result);
	return result;
}

static noinline int lbrd_lines_run(struct bpf_prog *prog, struct sk_buff *skb)
{
	int value = inner(2); /* @outer */

	value += int_sqrt(READ_ONCE(step)); /* @kernel */
	value += bpf_prog_run(prog, skb); /* @program */
	return value;
}

static int set_run(const char *text, const struct kernel_param *parameter)
{
	char path[128];
	struct bpf_prog *prog;
	struct sk_buff *skb;

	strscpy(path, text, sizeof(path));
	prog = bpf_prog_get_type_path(strim(path), BPF_PROG_TYPE_SOCKET_FILTER);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	skb = alloc_skb(64, GFP_KERNEL);
	if (skb) {
		skb_put_zero(skb, 64);
		migrate_disable();
		rcu_read_lock();
		lbrd_lines_run(prog, skb); /* @call */
		rcu_read_unlock();
		migrate_enable();
		kfree_skb(skb);
	}
	bpf_prog_put(prog);
	return skb ? 0 : -ENOMEM;
}

static const struct kernel_param_ops run_ops = { .set = set_run };
module_param_cb(run, &run_ops, NULL, 0200);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("calls a BPF program, for the tests of lbrd");
