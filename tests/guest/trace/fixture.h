/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest tests of the trace room share. Failures end the running case: see check.h. */
#pragma once

#include <bpf/libbpf.h>
#include <sys/types.h>

#include "daemon/model/snapshot.h"
#include "daemon/trace/lbr.h"
#include "daemon/trace/targets.h"
#include "daemon/trace/trace.h"
#include "tests/unit/check.h"

#define RECORDS_KEPT 64
#define PACKET_BYTES 64

/* The room as the daemon holds it, and the records that it handed up. */
struct fixture {
	struct trace *trace;
	struct targets *targets;
	struct lbr *lbr;
	struct bpf_object *object; /* target.bpf.o, loaded */
	size_t n_records;
	size_t n_bad; /* not decodable, or not accepted */
	bool (*accept)(const struct snapshot *snapshot); /* NULL: any */
	struct snapshot records[RECORDS_KEPT]; /* the first ones */
};

/* Branch records are on. `ring_bytes` 0: a ring that is large enough for everything but bursts. */
void fixture_init(struct fixture *fixture, size_t ring_bytes);
void fixture_deinit(struct fixture *fixture);

/* Id and descriptor of one of the programs of target.bpf.o. */
uint32_t fixture_program(const struct fixture *fixture, const char *name, int *ret_fd);
/* The one target of "program", "program:function" or a kernel function. */
void fixture_target(struct fixture *fixture, const char *program, const char *function,
		enum trace_mode mode, struct target *ret);
void fixture_function(struct fixture *fixture, const char *function, enum trace_mode mode,
		struct target *ret);
/* Resolves it to exactly one failure. */
void fixture_failure(struct fixture *fixture, const struct target_selector *selector,
		enum trace_mode mode, struct target_failure *ret);
/* Acquired and activated. */
struct tracer *fixture_attach(struct fixture *fixture, const struct target *target,
		bool without_branches);

/*
 * Starts a process that runs the program `n` times on a packet whose first byte is `first`, on
 * `cpu` (-1: any), since the tracers do not report what this process does itself.
 */
pid_t start_runs(int program_fd, unsigned int n, uint8_t first, int cpu);
/* Its end, which must be a good one. */
void finish_runs(pid_t pid);
/* Drains to the end; everything that happened is in `fixture` then. */
void drain(struct fixture *fixture);
/* What target_with_long_name returns. */
uint32_t expected_return(uint8_t first);
/* Programs of this daemon that are loaded now, by whomever. */
unsigned int count_tracers(void);
/* Waits for the kernel, which unloads programs in its own time. */
void wait_for_no_tracers(void);

struct test_case {
	const char *name;
	void (*run)(void);
};

/* The cases of the files, each ended by one without a name. */
extern const struct test_case attach_cases[];
extern const struct test_case account_cases[];
extern const struct test_case life_cases[];
extern const struct test_case select_cases[];
