/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one lbrd leaves to the next: the layout of the memory that holds it. Another layout, or
 * another meaning, is another STATE_VERSION. Numbers have the byte order of the machine.
 *
 * Header and tables never change once they are written; a change of the attachments makes a new
 * state. What changes with every event stands behind them: single numbers, two copies of the
 * progress, of which `current` names the whole one, and the journal.
 */
#pragma once

#include <stdint.h>

#include "daemon/model/losses.h"
#include "daemon/model/target.h"

#define STATE_MAGIC "lbrdstat"
#ifndef STATE_VERSION /* tests build an lbrd of another one */
#define STATE_VERSION 2
#endif
/* Published events that are remembered by number: those that an observer may not have read yet. */
#define STATE_JOURNAL 8192
/* Lives that may end between taking a state over and the first progress: it may be the cause. */
#define STATE_ATTEMPTS 3

struct state_header {
	char magic[8];
	uint32_t version;
	uint32_t tracer_abi; /* LBRD_TRACER_ABI */
	uint64_t size; /* of all */
	uint64_t checksum; /* of header and tables, this field taken as 0 */
	uint64_t lineage; /* random; the same as long as sequence numbers go on */
	uint64_t generation; /* the highest is the latest */
	uint32_t n_tracers;
	uint32_t n_attachments;
	uint32_t n_uses;
	uint32_t reserved;
};

struct state_target {
	uint32_t kind;
	uint32_t mode;
	uint32_t program_id;
	uint32_t btf_id;
	uint64_t start;
	uint64_t end;
	uint32_t return_kind;
	uint32_t return_bytes;
	char program[TARGET_NAME_MAX];
	char function[TARGET_NAME_MAX];
	char module[64];
	char tag[24];
};

struct state_tracer {
	uint32_t number;
	uint32_t program_id;
	uint32_t without_branches;
	uint32_t reserved;
	struct state_target target;
};

struct state_attachment {
	uint32_t id;
	uint32_t n_uses; /* so many further ones of the table of uses: indices of tracers */
	uint32_t owner_uid;
	uint32_t owner_gid;
	uint32_t owner_pid;
	uint32_t without_branches;
	uint32_t filter_pid;
	uint32_t filter_max_per_second;
	uint64_t filter_limit;
	uint64_t since;
	uint64_t active_from;
};

struct state_live {
	uint32_t attempts; /* to take this state over, since there was progress */
	uint32_t current; /* 0 or 1 */
	uint32_t last_tracer; /* the highest numbers ever given, also to what is not kept */
	uint32_t last_attachment;
	uint32_t n_observers;
	uint32_t reserved;
	uint64_t n_published; /* entries that the journal ever had */
};

struct state_progress {
	uint64_t checksum; /* of this, with the field taken as 0, and of counts and seen */
	uint64_t sequence; /* the last event's number */
	uint64_t position; /* records of the ring before it are dealt with */
	uint64_t n_published; /* journal entries of those */
	uint64_t counted_until; /* what was lost of records before it is, even if they come again */
	struct losses losses; /* of all attachments that ever were */
	uint32_t lbr_mode;
	uint32_t lbr_types;
};

/* Of each attachment. */
struct state_counts {
	uint64_t events;
	struct losses losses;
	struct losses unreported;
	uint64_t second_start;
	uint32_t second_events;
	uint32_t reserved;
};

/* Of each use: struct tracer_losses. */
struct state_seen {
	uint64_t ring_full;
	uint64_t slot_busy;
	uint64_t recursion;
	uint64_t rate;
};

/* One entry for each attachment that the event belongs to. */
struct state_published {
	uint64_t sequence;
	uint64_t position; /* of its record in the ring */
	uint32_t attachment;
	uint32_t reserved;
};
