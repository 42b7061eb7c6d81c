// SPDX-License-Identifier: Apache-2.0
/*
 * Decodes what the tracer wrote (bpf/record.h).
 *
 * The rule that must not break: no byte is read that the length does not cover, whatever the
 * record itself says.
 */
#include <errno.h>
#include <string.h>

#include "bpf/record.h"
#include "common/macro.h"
#include "daemon/trace/record.h"

_Static_assert(SNAPSHOT_MAX_BRANCHES == LBRD_MAX_BRANCHES, "a record fits a snapshot");
_Static_assert(sizeof(((struct snapshot *)0)->comm) == LBRD_COMM_LENGTH, "a comm fits a snapshot");
_Static_assert(sizeof(struct perf_branch_entry) == 24, "the layout of the kernel's entries");

#define MAX_CPUS 8192 /* the most that CONFIG_NR_CPUS can be; others keep arrays by CPU */

static void decode_branch(const struct perf_branch_entry *entry, struct branch *ret)
{
	*ret = (struct branch){
		.from = entry->from,
		.to = entry->to,
		.cycles = entry->cycles,
		.type = entry->type,
		.mispredicted = entry->mispred,
		.predicted = entry->predicted,
	};
}

static void decode_header(const struct lbrd_record *header, struct snapshot *ret)
{
	*ret = (struct snapshot){
		.timestamp = header->timestamp,
		.return_value = header->return_value,
		.tracer = header->tracer,
		.cpu = header->cpu,
		.pid = header->pid,
		.tid = header->tid,
		.branch_error = MIN(header->branch_bytes, 0),
	};
	memcpy(ret->comm, header->comm, sizeof(ret->comm));
	ret->comm[sizeof(ret->comm) - 1] = '\0';
}

int record_decode(const void *data, size_t length, struct snapshot *ret)
{
	const struct perf_branch_entry *entries;
	const struct lbrd_record *header = data;
	size_t branch_bytes;

	if (length < LBRD_RECORD_HEADER_SIZE)
		return -EBADMSG;
	branch_bytes = (size_t)MAX(header->branch_bytes, 0);
	if (branch_bytes % sizeof(*entries) || branch_bytes > sizeof(header->branches) ||
	    length < LBRD_RECORD_HEADER_SIZE + branch_bytes)
		return -EBADMSG;
	if (header->cpu >= MAX_CPUS)
		return -EBADMSG;

	decode_header(header, ret);
	entries = header->branches;
	for (size_t i = 0; i < branch_bytes / sizeof(*entries); i++) {
		/* A stale tail, as Intel may leave it. */
		if (!entries[i].from && !entries[i].to)
			break;
		decode_branch(&entries[i], &ret->branches[ret->n_branches++]);
	}
	return 0;
}
