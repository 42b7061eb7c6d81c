/* SPDX-License-Identifier: Apache-2.0 */
/* An lbrd that is fed from here: what runs it, fills its ring and talks to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where every traced function of a fed lbrd stands. */
#define FEED_TARGET UINT64_C(0xffffffff81000000)
#define FEED_TARGET_SIZE 256
/* Records that its ring holds; the real one holds about as many. */
#define FEED_RING 16384

struct feed {
	pid_t lbrd;
	int ring;
	char directory[32], socket[64];
};

/* Each of these ends the program when it fails. */

/* The path of fed-lbrd. Returns when it serves. */
void feed_start(struct feed *feed, const char *lbrd);
/* Ends it by SIGTERM; its exit status must be 0. */
void feed_stop(struct feed *feed);

/* Puts up to `n` records into the ring; how many there was room for. */
size_t feed_offer(struct feed *feed, size_t n);
/* Records that wait in the ring. */
size_t feed_waiting(const struct feed *feed);

int feed_connect(const struct feed *feed);
/* Sends a call and reads its (first) reply into `reply`. */
void feed_call(int fd, const char *call, char *reply, size_t size);
/* The number of an attachment to a function of any name, which lives until it is detached. */
unsigned int feed_attach(const struct feed *feed, const char *function, bool without_branches);

/* CPU time of lbrd so far, in nanoseconds. */
uint64_t feed_cpu(const struct feed *feed);
/* The most memory it ever had resident, in bytes. */
size_t feed_peak_memory(const struct feed *feed);
