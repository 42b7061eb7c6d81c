/* SPDX-License-Identifier: Apache-2.0 */
/* Address to name, module and source line, for the kernel, its modules and BPF programs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/symbol/path-run.h"

struct build_id;
struct index;

struct bpf_program;
struct code_image;
struct disassembler;
struct symbols;

/*
 * Renders a location to text once, when it is first made; the bytes live and die with the location
 * as location.text. Writes at most `size` bytes to `buffer` and returns the length, or more than
 * `size` when it does not fit (it is then called again with room enough). Pure: no allocation, no
 * state, may be called at any time.
 */
typedef size_t (*location_render_fn)(const struct location *location, char *buffer, size_t size);

/* The kernel ("vmlinux") or a module, of which source lines are wanted. */
struct symbol_object {
	const char *name;
	const struct build_id *build_id;
	bool damaged; /* the index that was handed over turned out to be: it is in use no more */
};

/*
 * An index of that object is wanted, to be handed over by symbols_take_index(), but not from within
 * this call. Called once for an object as long as it is loaded, and again for a damaged index.
 */
typedef void (*symbols_need_fn)(const struct symbol_object *object, void *userdata);

struct symbols_config {
	const char *kallsyms_path; /* "/proc/kallsyms"; another one in tests */
	const char *sysfs_path; /* "/sys"; another one in tests */
	location_render_fn render; /* NULL: no text */
	size_t max_locations; /* bound of the location cache */
	path_render_fn render_run; /* NULL: no text of runs (path.h) */
	size_t max_path_bytes; /* bound of the cache of runs */
	size_t max_run; /* instructions in one run */
	uint64_t grace_ns; /* how long an unloaded program's symbols stay resolvable */
	symbols_need_fn need; /* NULL: no lines of the kernel and of modules */
	void *userdata; /* of `need` */
	bool live; /* false (tests): no BPF programs, no kernel notifications */
};

/*
 * Reads kallsyms, the loaded BPF programs and subscribes to the kernel's load and unload reports
 * (software perf event with ksymbol and bpf_event set, since 5.1). Works without privileges as far
 * as possible: what is missing is told by symbols_describe(). -ENOMEM.
 */
int symbols_new(const struct symbols_config *config, struct symbols **ret);
void symbols_free(struct symbols *symbols);

/*
 * Takes in what was loaded and unloaded since. To be called before a batch of records is resolved
 * (a report precedes every record that its code could have produced) and after an attach. Cheap
 * when nothing happened: no system call. Also ends grace times and evicts from the location cache:
 * locations handed out before are invalid after it.
 */
void symbols_refresh(struct symbols *symbols);

/*
 * The file descriptors to poll (readable: call symbols_hear() before the next record is resolved).
 * Two at most, which stay the same; returns how many were written. 0: there is no subscription.
 */
size_t symbols_get_fds(const struct symbols *symbols, int *fds, size_t max);

/* symbols_refresh(), that also takes in what perf does not report: modules, CPUs. */
void symbols_hear(struct symbols *symbols);

/*
 * Whether something must be read anew that takes long: reports were lost, or other modules are
 * loaded. Records had better wait meanwhile, for names may be missing or others'. symbols_go_on()
 * reads for less than a millisecond; true: there is more to read.
 */
bool symbols_is_behind(const struct symbols *symbols);
bool symbols_go_on(struct symbols *symbols);

/*
 * What `address` was at the moment `timestamp` (CLOCK_MONOTONIC, ns; 0: now). Never fails: an
 * address without a symbol gives a location with kind LOCATION_UNKNOWN; out of memory gives a
 * static one. Valid until the next symbols_refresh().
 */
const struct location *symbols_resolve(struct symbols *symbols, uint64_t address,
		uint64_t timestamp);

/*
 * The address range [*ret_start, *ret_end) of a kernel function by name, module NULL for vmlinux,
 * "" for any module.
 * 0; -ENOENT: no such symbol or addresses hidden; -ENOTUNIQ: several in that module.
 */
int symbols_find(struct symbols *symbols, const char *name, const char *module,
		uint64_t *ret_start, uint64_t *ret_end);

/*
 * The machine code of the function that covered `address` at `timestamp` (0: now), with a reference
 * for the caller: see code_image_find() in code-image.h. 0; positive: enum code_error; -ENOMEM.
 */
int symbols_code(struct symbols *symbols, uint64_t address, uint64_t timestamp,
		struct code_image **ret);

/*
 * Captures the code and the lines of a program as they are now: to be called when it is attached
 * to, so that its records resolve whatever becomes of it.
 */
void symbols_capture(struct symbols *symbols, uint32_t program_id);

/*
 * All of one program, with a reference for the caller: read anew (`parts` of enum
 * bpf_program_part), or, when it was unloaded a short while ago, as it was captured. -ENOENT: no
 * such program; other errno as the kernel gives them.
 */
int symbols_program(struct symbols *symbols, uint32_t program_id, unsigned int parts,
		struct bpf_program **ret);

/* Marks the programs of this daemon (by id), so that their rows count as the tracer's. */
void symbols_add_tracer(struct symbols *symbols, uint32_t program_id);

/*
 * Takes over an index of lines and inlined functions; what was named without it is named anew from
 * the next refresh on. False: nothing of its build id is loaded, or it is of no use; it is closed.
 */
bool symbols_take_index(struct symbols *symbols, struct index *index);

/* Asks for the index of the kernel, before the first of its addresses is resolved. */
void symbols_need_kernel(struct symbols *symbols);

/* Borrowed; made with the symbols, so that a request needs none of its own. */
struct disassembler *symbols_disassembler(struct symbols *symbols, enum instruction_syntax syntax);

struct symbols_description {
	bool addresses_hidden; /* kptr_restrict or missing privilege: kallsyms shows zeroes */
	bool programs_hidden; /* JIT addresses hidden from us (kptr_restrict, bpf_jit_harden) */
	bool notified; /* the kernel reports loads and unloads */
	size_t kernel_symbols;
	size_t programs; /* live and in grace */
	size_t cached_locations;
	uint64_t cache_hits;
	uint64_t cache_misses;
	size_t cached_runs;
	size_t run_bytes; /* of them */
	uint64_t run_hits;
	uint64_t run_misses;
	uint64_t lost_reports; /* kernel reports that were lost and led to a full re-read */
	size_t bytes; /* memory held, estimated */
	size_t location_bytes; /* of it, named and rendered addresses */
	size_t mapped_bytes; /* indices: pages of their files, shared and clean, not in `bytes` */
};
void symbols_describe(const struct symbols *symbols, struct symbols_description *ret);
