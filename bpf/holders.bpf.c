// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Tells every descriptor of two processes, to whoever reads the iterator: of the one that is asked
 * about, and of lbrd itself. What kind of file a descriptor is, a BPF program cannot know; but lbrd
 * knows its own, and so finds others of their kind.
 *
 * /proc/PID/fdinfo says the same, but only with CAP_SYS_PTRACE, the key to every process.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/holder.h"

#define OF_THE_KERNEL __attribute__((preserve_access_index))

struct bpf_prog_aux {
	__u32 id;
} OF_THE_KERNEL;

struct bpf_prog {
	struct bpf_prog_aux *aux;
} OF_THE_KERNEL;

struct bpf_link {
	struct bpf_prog *prog;
} OF_THE_KERNEL;

struct file {
	const void *f_op;
	void *private_data;
} OF_THE_KERNEL;

struct task_struct {
	int tgid;
} OF_THE_KERNEL;

struct bpf_iter_meta {
	struct seq_file *seq;
} OF_THE_KERNEL;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} OF_THE_KERNEL;

/* Set before it is loaded. */
const volatile struct {
	__u32 own_pid, pid;
} wanted SEC(".rodata");

SEC("iter/task_file")
int holders(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct lbrd_holder holder = {};
	const struct bpf_link *link;

	/* At the end it is called without either. */
	if (!task || !file)
		return 0;
	holder.pid = task->tgid;
	if (holder.pid != wanted.pid && holder.pid != wanted.own_pid)
		return 0;
	holder.fd = context->fd;
	holder.operations = (__u64)file->f_op;
	/* Whatever it points to is read with care: what cannot be is 0. */
	link = file->private_data;
	holder.as_link = BPF_CORE_READ(link, prog, aux, id);
	holder.as_program = BPF_CORE_READ((const struct bpf_prog *)link, aux, id);
	bpf_seq_write(context->meta->seq, &holder, sizeof(holder));
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
