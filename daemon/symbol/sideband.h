/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's reports of code that comes and goes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_type {
	REPORT_CODE_ADDED,
	REPORT_CODE_REMOVED,
	REPORT_PROGRAM_LOADED,
	REPORT_PROGRAM_UNLOADED,
};

struct report {
	enum report_type type;
	uint64_t time; /* CLOCK_MONOTONIC, nanoseconds */
	uint64_t address; /* of code */
	uint32_t length;
	bool bpf; /* a program or trampoline; else a page of ftrace or kprobes */
	const char *name; /* of code, as in kallsyms; borrowed for the call */
	uint32_t program_id; /* of a program */
};

struct sideband;

/*
 * Subscribes on every online CPU. Needs CAP_PERFMON or a permissive perf_event_paranoid:
 * -EACCES, -EPERM. A CPU on which it fails with another errno fails the whole.
 */
int sideband_new(struct sideband **ret);
void sideband_free(struct sideband *sideband);

/* Whether a report waits on any CPU. Reads mapped memory only. */
bool sideband_has_news(const struct sideband *sideband);

typedef void (*report_fn)(const struct report *report, void *userdata);

/*
 * Hands up what waits, ordered by time. Returns how many reports the kernel had to drop (or we,
 * for want of memory): then what is known must be read anew.
 */
uint64_t sideband_drain(struct sideband *sideband, report_fn fn, void *userdata);

/*
 * Closes the ring of a CPU that went away, be it back meanwhile: an event does not come back with
 * its CPU. To be followed by sideband_follow_cpus().
 */
void sideband_forget_cpu(struct sideband *sideband, unsigned int cpu);

/* Takes in CPUs that came and lets go of those that went. True: reports may have been missed. */
bool sideband_follow_cpus(struct sideband *sideband);

/* Readable when a report waits on any CPU; the same one whatever CPUs come and go. */
int sideband_fd(const struct sideband *sideband);

/*
 * Reads one raw perf record of `size` bytes: 1 and *ret, 0 when it is none of ours, -EBADMSG when
 * it is cut or inconsistent. The name points into `data`.
 */
int sideband_parse(const void *data, size_t size, struct report *ret);
